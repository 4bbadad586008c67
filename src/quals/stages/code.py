"""Stage `code`: a fingerprint of the code of every stage, which the others depend on."""

import hashlib

from quals.command import run, stage_parser
from quals.fingerprint import fingerprints
from quals.jsonl import write_json


def main(arguments) -> None:
    """`environment` stands for the locked packages; stages that train depend on it too."""
    environment = hashlib.sha256(arguments.lock.read_bytes()).hexdigest()[:16]
    stages = fingerprints(arguments.package)
    write_json(arguments.out, {**stages, "environment": environment})
    print(f"code: {len(stages)} stages")


if __name__ == "__main__":
    run(main, stage_parser(__doc__, paths="package lock out"))
