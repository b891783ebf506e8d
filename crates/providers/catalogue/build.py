"""Builds models.json, the dated table of models that this crate carries, from a file of facts.

    python crates/providers/catalogue/build.py FACTS.json > crates/providers/catalogue/models.json

FACTS.json holds `tables`, each with `as_of`, `source` and `models` (`vendor/name` to prices in micro-dollars a million tokens, windows in
tokens and abilities). The table with the later date wins row by row; abilities that it leaves out come from the earlier one. Needs nothing
but Python 3.
"""

import json
import re
import sys

KINDS = ("openai", "anthropic")

# What the two protocols of this crate do not serve, or what does not answer with text.
LEFT_OUT = re.compile(
    r"audio|realtime|image|embedding|tts|transcribe|whisper|search|deep-research|computer-use|moderation|dall-e|sora"
    r"|instruct|davinci|babbage|codex|container|daybreak|rosalind|cyber"
)

# The models that stand in for a user who names none: one for the roles that write and judge, one for the roles that watch and check.
# Chosen on 2026-11-23 from the newest rows: the middle of each vendor's range at the same price (2 and 10 dollars a million tokens), so
# that neither side of a mixed council is the weaker one, and the cheapest of the same generation.
DEFAULTS = {
    "openai": {"strong": "gpt-6.1-sol", "fast": "gpt-6-luna"},
    "anthropic": {"strong": "claude-sonnet-5-5", "fast": "claude-haiku-5-5"},
}


def takes_temperature(kind, name):
    """The makers' rule, for rows whose source does not say: the same as in `family.rs`."""
    if kind == "openai":
        generation = re.match(r"gpt-(\d+)", name)
        reasoning = re.match(r"o\d+(-|$)", name) or (generation and int(generation[1]) >= 5 and "-chat" not in name)
        return not (reasoning or name == "chat-latest")
    numbers = [int(part) for part in name.split("-") if part.isdigit()]
    if not numbers or numbers[0] > 4:
        return False
    return numbers[0] < 4 or len(numbers) < 2 or numbers[1] <= 6 or numbers[1] > 100


def reasons(kind, name):
    if kind == "openai":
        return not takes_temperature(kind, name)
    numbers = [int(part) for part in name.split("-") if part.isdigit()]
    return not numbers or numbers[0] >= 4 or name.startswith("claude-3-7")


def structured_output(kind, name, row):
    if name == "gpt-4o-2024-05-13":
        # The vendor's guide: schemas from gpt-4o-2024-08-06 on. The source counts the whole family.
        return "json_object"
    if row.get("structured_output"):
        return "json_schema"
    if kind == "openai" and re.match(r"gpt-(4-turbo|4-1106|3\.5-turbo)", name):
        return "json_object"
    return "prompt_only"


def build(facts):
    tables = sorted(facts["tables"], key=lambda table: table["as_of"])
    rows = {}
    for table in tables:
        for key, row in table["models"].items():
            kind, name = key.split("/", 1)
            if kind not in KINDS or LEFT_OUT.search(name) or "input" not in row:
                continue
            if row.get("mode", "chat") != "chat":
                # Served by another protocol: an earlier table did not know that.
                rows.pop((kind, name), None)
                continue
            earlier = rows.get((kind, name), {})
            abilities = {k: earlier[k] for k in ("reasoning", "temperature", "structured_output", "context", "max_output") if k in earlier}
            rows[kind, name] = {**abilities, **row, "as_of": table["as_of"][:7]}
    latest = tables[-1]["as_of"][:7]
    models = []
    for (kind, name), row in sorted(rows.items()):
        retires = row.get("deprecation")
        if retires and retires < latest:
            continue
        model = {"kind": kind, "name": name, "input": row["input"], "output": row["output"]}
        for ours, theirs in (("cached_input", "cache_read"), ("cache_write", "cache_write")):
            # Some tables write 0 for "no such price".
            if row.get(theirs):
                model[ours] = row[theirs]
        for ours, theirs in (("context_window", "context"), ("output_tokens_max", "max_output")):
            if row.get(theirs):
                model[ours] = row[theirs]
        model["takes_temperature"] = row.get("temperature", takes_temperature(kind, name)) and takes_temperature(kind, name)
        model["reasons"] = row.get("reasoning", reasons(kind, name))
        model["structured_output"] = structured_output(kind, name, row)
        model["as_of"] = row["as_of"]
        if retires:
            model["retires"] = retires
        models.append(model)
    known = {(model["kind"], model["name"]): model for model in models}
    for kind, pair in DEFAULTS.items():
        for name in pair.values():
            if "retires" in known[kind, name]:
                sys.exit(f"{kind}:{name} is a default and about to retire")
    return {
        "as_of": latest,
        "unit": "micro-US-dollars a million tokens; windows in tokens",
        "sources": [f"{table['source']} ({table['as_of']})" for table in tables],
        "defaults": {kind: {**pair, "as_of": "2026-11"} for kind, pair in DEFAULTS.items()},
        "models": models,
    }


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        table = build(json.load(file))
    models = table.pop("models")
    head = json.dumps(table, indent=1)[:-2]
    lines = ",\n".join("  " + json.dumps(model) for model in models)
    print(f'{head},\n "models": [\n{lines}\n ]\n}}')


if __name__ == "__main__":
    main()
