"""The request loop of Python processes: requests are lines of JSON on stdin, replies go to stdout.

To be imported before the libraries that are measured.
"""

import json
import os
import sys

# Output of a library must not be mistaken for a reply.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def serve(answer):
    """Replies to each request with the result of `answer` until stdin ends."""
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:  # Whatever goes wrong in a library is an answer too.
            reply = {"error": f"{type(error).__name__}: {error}".split("\n")[0]}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
