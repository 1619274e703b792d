"""A conversation with a language server: lsp.py SERVER FILE... opens the files and prints what the server says."""
import json
import pathlib
import subprocess
import sys


def message(body):
    data = json.dumps({"jsonrpc": "2.0", **body}).encode()
    return b"Content-Length: %d\r\n\r\n" % len(data) + data


server, *files = sys.argv[1:]
uris = {pathlib.Path(file).resolve().as_uri(): file for file in files}
parts = [message({"id": 0, "method": "initialize", "params": {"processId": None, "rootUri": None, "capabilities": {}}})]
for uri, file in uris.items():
    text = pathlib.Path(file).read_text()
    document = {"uri": uri, "languageId": "mlir", "version": 1, "text": text}
    parts.append(message({"method": "textDocument/didOpen", "params": {"textDocument": document}}))
    # What the server tells about the first dashkv op of the file.
    line = next(i for i, line in enumerate(text.splitlines()) if "dashkv." in line and not line.startswith("//"))
    place = {"line": line, "character": text.splitlines()[line].index("dashkv.") + 8}
    parts.append(message({"id": file, "method": "textDocument/hover",
                          "params": {"textDocument": {"uri": uri}, "position": place}}))
parts += [message({"id": 1, "method": "shutdown"}), message({"method": "exit"})]

process = subprocess.run([server], input=b"".join(parts), capture_output=True, timeout=60)
rest = process.stdout
while rest:
    head, _, rest = rest.partition(b"\r\n\r\n")
    size = int(head.split(b":")[1].split()[0])
    reply, rest = json.loads(rest[:size]), rest[size:].lstrip(b"\r\n")
    if reply.get("method") == "textDocument/publishDiagnostics":
        name = pathlib.Path(uris[reply["params"]["uri"]]).name
        diagnostics = reply["params"]["diagnostics"]
        for item in diagnostics:
            print(f"{name}:{item['range']['start']['line'] + 1}: {item['message']}")
        if not diagnostics:
            print(f"{name}: no diagnostics")
    elif reply.get("id") in uris.values():
        value = (reply.get("result") or {"contents": {"value": "nothing"}})["contents"]["value"]
        print(f"{pathlib.Path(reply['id']).name}: hover: {' '.join(value.split())}")
print("exit code", process.returncode)
