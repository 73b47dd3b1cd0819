"""How a process in Python answers: commands come as lines of JSON on stdin, answers go to stdout.

To be imported before the libraries that are measured.
"""

import json
import os
import sys

# What a library prints must not be taken for an answer.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def serve(answer):
    """Answers each command with what `answer` gives for it, until there are no more."""
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except Exception as error:  # Whatever goes wrong in a library is an answer too.
            reply = {"error": f"{type(error).__name__}: {error}".split("\n")[0]}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
