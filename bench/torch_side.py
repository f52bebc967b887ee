"""PyTorch's side of the benches: reads one JSON request a line, answers one JSON line each."""

import importlib
import json
import sys


def main():
    side = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            op = request.pop("op")
            if op == "setup":
                # `model` is the file beside this one that has the network.
                side = importlib.import_module(request.pop("model")).ThisSide()
            answer = {"result": getattr(side, op)(**request)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
        print(json.dumps(answer), flush=True)


main()
