"""Functions with traps, and what is true of them, derived by hand.

Each line: the function | what holds. `bounded`/`unbounded`; `PL d` (least order d, attained), `PL >d` (every order
above d), or why not: `jump` (discontinuous), `steep` (continuous, not locally Lipschitz), `fast` (slope beyond every
power); growth `poly`, `exp` (controlled, not polynomial), `exp2` (not controlled). `undefined`: none of all this.
Variables are x, y, z; other names are params, with assumptions in brackets.
"""

TEXT = """
x^2/x | undefined
sqrt(x^2) | unbounded PL 1 poly
abs(x)*sign(x) | unbounded PL 1 poly
sqrt(x^2 + e) [e > 0] | unbounded PL 1 poly
log(1 + x^2) | unbounded PL 1 poly
x*log(abs(x)) | undefined
sin(exp(x)) | bounded fast poly
exp(-x^2)*exp(x) | bounded PL 1 poly
exp(x^2)*exp(-x^2) | bounded PL 1 poly
1/(x^2 + C) [C > 0] | bounded PL 1 poly
1/(x^2 + C) [C >= 0] | undefined
min(x, 1/C) [C > 0] | unbounded PL 1 poly
tanh(x)/x | undefined
where(x > 0, x^2, 0) | unbounded PL 2 poly
where(x >= 1, 2*x - 1, x^2) | unbounded PL 2 poly
where(x < x, 1/x, x) | unbounded PL 1 poly
where(x <= x, x, 1/x) | unbounded PL 1 poly
where(x^2 < 0, exp(x^2), x) | unbounded PL 1 poly
where(x > 0, 1, where(x > 1, 5, 0)) | bounded jump poly
where(x > 0, x, where(x > 1, exp(x^2), -x)) | unbounded PL 1 poly
sinc(x) | bounded PL 1 poly
sin(x)/x | undefined
floor(x) | unbounded jump poly
ceil(x/2) | unbounded jump poly
x - floor(x) | bounded jump poly
mod(x, 1) | bounded jump poly
mod(x, 0) | undefined
abs(x)^p [p >= 1, p <= 2] | unbounded PL 2 poly
abs(x)^p [p > 0, p < 1] | unbounded steep poly
abs(x)^p [p >= 1] | unbounded PL ? poly
(1 + x^2)^p [p >= 0] | unbounded PL ? poly
(1/(1 + x^2))^a | unbounded ? poly
(2 + sin(x))^a | bounded PL 1 poly
abs(tanh(x))^a [a >= 1] | bounded PL 1 poly
abs(x)^1.5 | unbounded PL 3/2 poly
abs(x)^0.5 | unbounded steep poly
abs(x)^-1 | undefined
abs(x)^0 | bounded PL 1 poly
softplus(x) - relu(x) | bounded PL 1 poly
log(cosh(x)) - abs(x) | bounded PL 1 poly
log(cosh(x)) | unbounded PL 1 poly
x - tanh(x) | unbounded PL 1 poly
cosh(x)*exp(-abs(x)) | bounded PL 1 poly
sinh(x)*exp(-abs(x)) | bounded PL 1 poly
cosh(x)*exp(-x^2) | bounded PL 1 poly
cosh(x) - sinh(x) | unbounded fast exp
cosh(x)^2 - sinh(x)^2 | bounded PL 1 poly
sin(x)^2 + cos(x)^2 | bounded PL 1 poly
sin(x^2)/(1 + x^2) | bounded PL 1 poly
sin(x^3)/(1 + x^2) | bounded PL 1 poly
sin(x^4)/(1 + x^2) | bounded PL 2 poly
x^3*exp(-abs(x)) | bounded PL 1 poly
x^10*exp(-abs(x)) | bounded PL 1 poly
max(x, y)*min(x, y) | unbounded PL 2 poly
x*y/(1 + x^2 + y^2) | bounded PL 1 poly
x*y/(x^2 + y^2) | undefined
sqrt(x^2 + y^2) | unbounded PL 1 poly
sqrt(x^2 + y^2 + z^2) | unbounded PL 1 poly
1/(1 + sqrt(x^2 + y^2)) | bounded PL 1 poly
atan(x*y) | bounded PL 2 poly
tanh(x*y*z) | bounded PL 3 poly
exp(x*y) | unbounded fast exp2
exp(-x*y) | unbounded fast exp2
exp(-x^2*y^2) | bounded PL 2 poly
exp(x + y) | unbounded fast exp
exp(-abs(x) - abs(y)) | bounded PL 1 poly
x*exp(-x^2 - y^2) | bounded PL 1 poly
x*y*exp(-x^2 - y^2) | bounded PL 1 poly
x*exp(-y^2) | unbounded PL 2 poly
x*exp(-(x - y)^2) | unbounded PL 2 poly
(x - y)*exp(-(x - y)^2) | bounded PL 1 poly
x^2*y^2 | unbounded PL 4 poly
x^2 + y^4 | unbounded PL 4 poly
x*abs(y) | unbounded PL 2 poly
abs(x*y) | unbounded PL 2 poly
sqrt(abs(x*y)) | unbounded steep poly
sqrt(x^2*y^2) | unbounded PL 2 poly
max(x, y, z) | unbounded PL 1 poly
max(x*y, z) | unbounded PL 2 poly
max(x, y) - min(x, y) | unbounded PL 1 poly
x/(1 + abs(x)) | bounded PL 1 poly
x^2/(1 + abs(x)) | unbounded PL 1 poly
x^3/(1 + x^2) | unbounded PL 1 poly
x^3/(1 + x^2 + y^2) | unbounded PL 1 poly
x/(1 + y^2) | unbounded PL 2 poly
x^2/(1 + y^2) | unbounded PL 3 poly
1/(1 + x^2*y^2) | bounded PL 2 poly
1/(1 - x) | undefined
1/(x^2 - 2) | undefined
1/(x^2 - 2*x + 2) | bounded PL 1 poly
1/(x^4 + x^2 + x + 1) | bounded PL 1 poly
1/(2 + sin(x)) | bounded PL 1 poly
1/(1 + sin(x)) | undefined
1/sin(x) | undefined
1/exp(x) | unbounded fast exp
1/(2*exp(x)) | unbounded fast exp
1/(3*sigmoid(x)) | unbounded fast exp
1/(sigmoid(x) + sigmoid(2*x)) | unbounded fast exp
1/(exp(x) + exp(y)) | unbounded fast exp
1/(erf(-1)*sigmoid(x)) | unbounded fast exp
log(sigmoid(x)) | unbounded PL 1 poly
log(2*sigmoid(x)) | unbounded PL 1 poly
sqrt(2*sigmoid(x)) | bounded PL 1 poly
1/(exp(-x^2) + exp(-2*x^2)) | unbounded fast exp2
x/(exp(-abs(x)) + 1/(1 + x^2)) | unbounded PL 3 poly
1/(exp(x) + exp(-x)) | bounded PL 1 poly
x/(exp(x) + exp(-x)) | bounded PL 1 poly
x/cosh(x) | bounded PL 1 poly
1/(1 + exp(x^2)) | bounded PL 1 poly
exp(x)/(1 + exp(x)) | bounded PL 1 poly
exp(x)/(1 + exp(2*x)) | bounded PL 1 poly
exp(2*x)/(1 + exp(x)) | unbounded fast exp
log(1 + exp(x)) - x | unbounded PL 1 poly
log(1 + exp(x^2)) | unbounded PL 2 poly
log(exp(x) + exp(y)) | unbounded PL 1 poly
log(2 + sin(x)) | bounded PL 1 poly
log(x^2) | undefined
log(abs(x)) | undefined
log(1 + x) | undefined
log(1 + abs(x)) | unbounded PL 1 poly
log(1 + x^2 + y^2) | unbounded PL 1 poly
x*log(1 + x^2) | unbounded PL >1 poly
x^2*log(1 + x^2) | unbounded PL >2 poly
x/log(2 + x^2) | unbounded PL 1 poly
log(1 + x^2)^2 | unbounded PL 1 poly
sin(log(1 + x^2)) | bounded PL 1 poly
x*sin(x) | unbounded PL 2 poly
x*sin(1/x) | undefined
x^2*sin(x) | unbounded PL 3 poly
x*sin(x^2) | unbounded PL 3 poly
sin(x)*cos(x) | bounded PL 1 poly
sin(x) + sin(2*x) | bounded PL 1 poly
x + sin(x) | unbounded PL 1 poly
x + sin(x^2) | unbounded PL 2 poly
sin(x*y) | bounded PL 2 poly
cos(x^2 + y^2) | bounded PL 2 poly
exp(sin(x)) | bounded PL 1 poly
exp(x*sin(x)) | unbounded fast exp
exp(-x*sin(x)) | unbounded fast exp
exp(cos(x))*x | unbounded PL 2 poly
exp(-x^4)*exp(x^3) | bounded PL 1 poly
exp(x^2 - x^4) | bounded PL 1 poly
exp(abs(x)^1.5) | unbounded fast exp
exp(abs(x)^1.99) | unbounded fast exp
exp(x^2/100) | unbounded fast exp2
exp(x^3) | unbounded fast exp2
exp(exp(x)) | unbounded fast exp2
exp(-exp(x)) | bounded PL 1 poly
exp(x - exp(x)) | bounded PL 1 poly
exp(-x) | unbounded fast exp
exp(relu(x)) | unbounded fast exp
exp(-relu(x)) | bounded PL 1 poly
exp(min(x, 0)) | bounded PL 1 poly
exp(tanh(x)) | bounded PL 1 poly
tanh(exp(x)) | bounded PL 1 poly
tanh(exp(x^2)) | bounded PL 1 poly
atan(exp(x)) | bounded PL 1 poly
erf(x^3) | bounded PL 1 poly
tanh(x^2) | bounded PL 1 poly
x*tanh(x) - abs(x) | bounded PL 1 poly
x*erf(x) | unbounded PL 1 poly
x^2*tanh(x) | unbounded PL 2 poly
x*atan(x) | unbounded PL 1 poly
x*sigmoid(100*x) | unbounded PL 1 poly
x^2*sigmoid(x) | unbounded PL 2 poly
x*sigmoid(y) | unbounded PL 2 poly
relu(x)*relu(y) | unbounded PL 2 poly
relu(x)^2 - relu(x) | unbounded PL 2 poly
relu(x)^0.5 | unbounded steep poly
relu(x)*step(x) | unbounded PL 1 poly
x*step(x) | unbounded PL 1 poly
(x + 1)*step(x) | unbounded jump poly
step(x)*step(-x) | bounded jump poly
sign(x)^2 | bounded jump poly
sign(x^2 + 1) | bounded PL 1 poly
sign(relu(erf(x))) | bounded jump poly
sign(hardtanh(x) + 1) | bounded jump poly
1/relu(tanh(x)) | undefined
log(1 + sign(x)) | undefined
exp(sqrt(log(2 + x^2))) | ? PL ? poly
x*exp(sqrt(log(2 + x^2))) | unbounded PL ? poly
1/(1 + a*x^2) [a >= 0] | bounded PL 1 poly
sign(x)*x^2 | unbounded PL 2 poly
sign(x)*sqrt(abs(x)) | unbounded steep poly
sign(x*y)*x*y | unbounded PL 2 poly
step((x - y)*exp(y))*(x - y) | unbounded PL 1 poly
sign((x - y)/(1/10 + z^2))*((x - y)/(1/10 + z^2)) | unbounded PL 2 poly
sign((x - 1)*softplus(y))*(x^2 - 1) | unbounded PL 2 poly
sign((x - 1)*abs(y))*(x^2 - 1) | unbounded jump poly
sign(x*relu(y))*x | unbounded jump poly
sign(x/y^2)*x | undefined
where((x - y)/(2 + sin(x)) >= 0, x, y) | unbounded PL 1 poly
step(x)*y | unbounded jump poly
abs(x)^1.5*sign(x) | unbounded PL 3/2 poly
where(x > 0, x, 0.01*x) | unbounded PL 1 poly
where(x > 0, x, x + 1) | unbounded jump poly
where(x > 1, x, x^2) | unbounded PL 2 poly
where(x > 1, log(x), x - 1) | unbounded PL 1 poly
where(x > 0, log(x), 0) | unbounded jump notpoly
where(x > 0, x*log(x), 0) | unbounded steep poly
where(x > 0, exp(-1/x), 0) | bounded PL 1 poly
where(x > 0, sqrt(x), 0) | unbounded steep poly
where(x > 0, 1/x, 0) | unbounded jump notpoly
where(x > 1, 1/x, x) | unbounded PL 1 poly
where(abs(x) <= 0, 1, sin(x)/x) | bounded PL 1 poly
where(abs(x) > 0, x*sin(1/x), 0) | bounded steep poly
where(abs(x) > 0, x^2*sin(1/x), 0) | unbounded PL 1 poly
where(x > y, x, y) | unbounded PL 1 poly
where(x > y, x - y, 0) | unbounded PL 1 poly
where(x > y, x, 0) | unbounded jump poly
where(x > C, C, x) | unbounded PL 1 poly
where(x > C, x^2 - C^2, 0) | unbounded PL 2 poly
where(x > C, x, 0) [C > 0] | unbounded jump poly
where(x >= -1 and x <= 1, x, sign(x)) | bounded PL 1 poly
where(x^2 < 1, 1 - x^2, 0) | bounded PL 1 poly
where(x^2 < 2, 2 - x^2, 0) | bounded PL 1 poly
clip(x, -C, C) [C > 0] | bounded PL 1 poly
clip(x*y, -1, 1) | bounded PL 2 poly
hardtanh(x)*x | unbounded PL 1 poly
asin(x) | undefined
asin(tanh(x)) | bounded PL 1 poly
asin(sin(x)) | bounded PL 1 poly
asin(hardtanh(x)) | bounded steep poly
acos(x/(1 + abs(x))) | bounded PL 1 poly
tan(x) | undefined
tan(tanh(x)) | bounded PL 1 poly
atan(tan(x)) | undefined
sqrt(x) | undefined
sqrt(1 - x^2) | undefined
sqrt(1 + x) | undefined
sqrt(relu(x)) | unbounded steep poly
sqrt(x^4 + 1) | unbounded PL 2 poly
sqrt(x^4 + x^2) | unbounded PL 2 poly
sqrt(x^2 + x + 1) - x | unbounded PL 1 poly
sqrt(exp(x)) | unbounded fast exp
sqrt(1 + sin(x)) | bounded PL 1 poly
sqrt(softplus(x)) | unbounded PL 1 poly
x^(1/3) | undefined
(x^2)^(1/3) | unbounded steep poly
(1 + x^2)^0.25 | unbounded PL 1 poly
(1 + x^2)^1.25 | unbounded PL 5/2 poly
(1 + x^2)^-2 | bounded PL 1 poly
2^x | unbounded fast exp
x^x | undefined
(1 + x^2)^(1 + x^2) | unbounded fast exp2
(1 + x^2)^sin(x) | unbounded ? poly
(2 + sin(x))^x | unbounded fast exp
selu(x) | unbounded PL 1 poly
elu(x, a) | unbounded PL 1 poly
leaky_relu(x, a) | unbounded PL 1 poly
gelu(x) - relu(x) | bounded PL 1 poly
gelu_tanh(x) - gelu(x) | bounded PL 1 poly
mish(x) - silu(x) | bounded PL 1 poly
silu(x) - x*step(x) | bounded PL 1 poly
hermite(3, x) | unbounded PL 3 poly
hermite(0, x) | bounded PL 1 poly
a*tanh(x) | bounded PL 1 poly
tanh(a*x)/a | undefined
exp(-a*x^2) [a > 0] | bounded PL 1 poly
exp(-a*x^2) | unbounded ? ?
x*exp(-a*abs(x)) [a > 0] | bounded PL 1 poly
exp(a*x - x^2) | bounded PL 1 poly
exp(a*x^2 - x^4) | bounded PL 1 poly
a*x^2 + b*x + c | unbounded PL 2 poly
log(a + x^2) [a > 1] | unbounded PL 1 poly
1/(1 + exp(-a*x)) | bounded PL 1 poly
(x - m)/sqrt(v + e) [v >= 0, e > 0] | unbounded PL 1 poly
x*y/sqrt(x^2 + y^2 + 1) | unbounded PL 1 poly
x^2*y/(1 + x^2) | unbounded PL 2 poly
(x + y)^2 - x^2 - 2*x*y | unbounded PL 2 poly
(x - y)*(x + y) - x^2 + y^2 | bounded PL 1 poly
(x^2 - y^2)/(1 + x^2 + y^2) | bounded PL 1 poly
x/(x^2 + y^2 + 1)^2 | bounded PL 1 poly
tanh(x)/(1 + y^2) | bounded PL 1 poly
sigmoid(x)*sigmoid(-x) | bounded PL 1 poly
exp(x)/(exp(x) + exp(y) + exp(z)) | bounded PL 1 poly
(x*exp(x) + y*exp(y))/(exp(x) + exp(y)) | unbounded PL 2 poly
sin(x + y)*tanh(z) | bounded PL 1 poly
sin(x)*floor(x) | unbounded jump poly
floor(x)*0 | bounded PL 1 poly
sin(pi*x)*floor(x) | unbounded PL 2 poly
abs(x)*abs(x) - x^2 | bounded PL 1 poly
max(x, 0) - max(-x, 0) - x | bounded PL 1 poly
1/(1 + relu(x)) | bounded PL 1 poly
1/relu(x) | undefined
1/(abs(x) + abs(y)) | undefined
1/(1 + abs(x) + abs(y)) | bounded PL 1 poly
x*y*z/(1 + x^2 + y^2 + z^2) | unbounded PL 1 poly
"""


def hard_cases() -> list[tuple[str, str, str]]:
    """(function, assumptions, truth)."""
    out = []
    for line in TEXT.strip().split("\n"):
        left, truth = line.split(" | ")
        text, _, assume = left.partition(" [")
        out.append((text, assume.rstrip("]"), truth))
    return out
