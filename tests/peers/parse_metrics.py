"""Reads metrics with the parser of Prometheus' own Python client.

    python -m pip install prometheus_client

Usage: parse_metrics.py FILE. Fails where the parser does, or where a family has no type, no help or no sample.
"""

import sys

from prometheus_client.parser import text_string_to_metric_families


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read()
    families = list(text_string_to_metric_families(text))
    samples = sum(len(family.samples) for family in families)
    for family in families:
        if family.type == "unknown" or not family.documentation or not family.samples:
            print(f"{family.name}: type {family.type}, help `{family.documentation}`, {len(family.samples)} samples")
            return 1
        if not family.name.startswith("orchestrator_"):
            print(f"{family.name} is not ours")
            return 1
    print(f"metrics: {len(families)} families, {samples} samples")
    return 0 if families else 1


if __name__ == "__main__":
    sys.exit(main())
