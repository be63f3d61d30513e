// Starts `tensorprog lsp`, and shows what its commands print in a document beside the program.

const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

async function show(text) {
  const document = await vscode.workspace.openTextDocument({ content: text, language: "plaintext" });
  await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true });
}

async function activate() {
  const [command, ...args] = vscode.workspace.getConfiguration("tensorprog").get("command");
  client = new LanguageClient(
    "tensorprog",
    "tensorprog",
    { command, args },
    {
      documentSelector: [{ language: "tensorprog" }],
      initializationOptions: { showsResults: true },
      middleware: {
        executeCommand: async (name, given, next) => {
          const title = `tensorprog: ${name.split(".")[1]}`;
          const location = vscode.ProgressLocation.Window;
          const text = await vscode.window.withProgress({ location, title }, () => next(name, given));
          if (text) {
            await show(text);
          }
          return text;
        },
      },
    },
  );
  try {
    await client.start();
  } catch (error) {
    vscode.window.showErrorMessage(
      `${command} could not be started (${error.message}). Install it with pip install 'tensorprog[editor]', ` +
        "or set tensorprog.command to its path.",
    );
  }
}

function deactivate() {
  return client ? client.stop() : undefined;
}

module.exports = { activate, deactivate };
