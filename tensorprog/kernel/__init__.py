"""TRUSTED: re-checks certificates by the rules of docs/calculus.md. Its door is `kernel.certificate.verify`."""
