"""Validates the requests that our providers send against the vendors' own descriptions of their protocols.

    python -m pip install jsonschema anthropic openai pydantic
    cargo run -p async-orchestrator-providers --example print_requests > requests.jsonl
    python tests/peers/check_requests.py requests.jsonl --openapi OPENAPI.json

OPENAPI.json is OpenAI's published API description (3.1) as JSON; it is not part of this repository. Checked are:

- Chat Completions requests against that document, unknown fields refused, and against the `openai` SDK's types;
- Messages requests against the `anthropic` SDK's types, unknown fields refused at every depth. Those types describe the protocol version
  2026-10-21, which knows no sampling settings: one under it is a violation, while the version 2023-06-01 takes a temperature of 0 to 1, which
  is checked here and then taken out;
- every schema that we send: that it is a JSON schema, and that it keeps to the vendor's rules for structured output (closed objects, every
  property required, nothing that the vendor refuses).

Exit code 0 if everything holds, 1 with one line a violation otherwise.
"""

import argparse
import collections
import inspect
import json
import sys

import anthropic.types
import jsonschema
import openai.types
import openai.types.chat
import pydantic
import typing_extensions
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming

SAMPLING = ("temperature", "top_p", "top_k")


def forbid_extras(package):
    """Makes pydantic refuse unknown keys in every TypedDict of an SDK."""
    for name, module in list(sys.modules.items()):
        if name == package.__name__ or name.startswith(package.__name__ + "."):
            for _, member in inspect.getmembers(module, inspect.isclass):
                if typing_extensions.is_typeddict(member):
                    member.__pydantic_config__ = pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True)


def exhaust(value):
    """Walks a validated value: pydantic checks an `Iterable` only while it is read."""
    if isinstance(value, dict):
        for item in value.values():
            exhaust(item)
    elif not isinstance(value, (str, bytes, int, float, bool, type(None), pydantic.BaseModel)):
        for item in value:
            exhaust(item)


def sdk_check(adapter, body):
    try:
        exhaust(adapter.validate_python(body))
    except pydantic.ValidationError as error:
        for problem in error.errors()[:3]:
            yield f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


class OpenApi:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.document = json.load(file)
        schema = {"$ref": "#/components/schemas/CreateChatCompletionRequest", "components": self.document["components"]}
        self.validator = jsonschema.Draft202012Validator(schema)
        self.known = self.properties({"$ref": "#/components/schemas/CreateChatCompletionRequest"})

    def properties(self, schema):
        if "$ref" in schema:
            return self.properties(self.document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
        names = set(schema.get("properties", ()))
        for part in schema.get("allOf", ()):
            names |= self.properties(part)
        return names

    def check(self, body):
        for name in body.keys() - self.known:
            yield f"{name}: no field of the API description"
        for error in list(self.validator.iter_errors(body))[:3]:
            yield f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def nodes(schema):
    yield schema
    for key in ("properties", "$defs"):
        for child in schema.get(key, {}).values():
            yield from nodes(child)
    for child in schema.get("anyOf", []) + [schema[key] for key in ("items",) if key in schema]:
        yield from nodes(child)


# From the vendors' guides to structured output, read in autumn 2026.
COMMON = {"type", "properties", "required", "additionalProperties", "items", "enum", "anyOf", "$ref", "$defs", "description", "format", "minItems"}
STRICT = COMMON | {"pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "maxItems"}


def rules_check(schema, allowed, needs_type):
    if schema.get("type") != "object":
        yield "the schema's root is no object"
    for node in nodes(schema):
        for key in node.keys() - allowed:
            yield f"schema keyword {key} is not enforced by the vendor"
        if "properties" in node and (set(node["required"]) != set(node["properties"]) or node["additionalProperties"] is not False):
            yield "an object is open or has optional properties"
        if needs_type and not node.keys() & {"type", "anyOf", "$ref"}:
            yield f"a value without a type: {json.dumps(node)[:100]}"
        if node.get("minItems", 0) > 1 and "maxItems" not in allowed:
            yield "minItems above 1"


def schema_check(schema):
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        yield f"not a JSON schema: {error.message[:200]}"


def openai_check(openapi, adapters, line):
    body = line["body"]
    if openapi:
        yield from openapi.check(body)
    yield from sdk_check(adapters["openai", line["streamed"]], body)
    form = body.get("response_format", {}).get("json_schema")
    if form:
        yield from schema_check(form["schema"])
        if form.get("strict"):
            yield from rules_check(form["schema"], STRICT, needs_type=True)
    if body.get("response_format", {}).get("type") == "json_object" and "json" not in json.dumps(body["messages"]).lower():
        yield "json_object without the word JSON in the conversation"


def anthropic_check(adapters, line):
    body = dict(line["body"])
    if line["to"]["version"] == "2023-06-01":
        temperature = body.pop("temperature", 0.0)
        if not isinstance(temperature, (int, float)) or not 0 <= temperature <= 1:
            yield f"temperature: {temperature} is not within 0 to 1"
    for name in set(SAMPLING) & body.keys():
        yield f"{name}: no sampling setting goes out under {line['to']['version']}"
    yield from sdk_check(adapters["anthropic", line["streamed"]], body)
    schema = body.get("output_config", {}).get("format", {}).get("schema")
    if schema:
        yield from schema_check(schema)
        yield from rules_check(schema, COMMON, needs_type=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("requests", help="the output of the example print_requests")
    parser.add_argument("--openapi", help="OpenAI's API description as JSON; without it that check is left out and said so")
    arguments = parser.parse_args()

    forbid_extras(anthropic.types)
    forbid_extras(openai.types)
    adapters = {
        ("openai", False): pydantic.TypeAdapter(CompletionCreateParamsNonStreaming),
        ("openai", True): pydantic.TypeAdapter(CompletionCreateParamsStreaming),
        ("anthropic", False): pydantic.TypeAdapter(MessageCreateParamsNonStreaming),
        ("anthropic", True): pydantic.TypeAdapter(MessageCreateParamsStreaming),
    }
    openapi = OpenApi(arguments.openapi) if arguments.openapi else None
    if not openapi:
        print("left out: the check against OpenAI's API description (no --openapi)")

    # A checker that accepts everything would look like success.
    wrong = {"model": "m", "messages": [{"role": "user", "content": "x", "colour": "red"}], "max_tokens": 1, "stream": False}
    for vendor in ("openai", "anthropic"):
        if not list(sdk_check(adapters[vendor, False], wrong)):
            sys.exit(f"the {vendor} SDK's types do not refuse an unknown field: this script no longer fits the SDK")
    if openapi and not list(openapi.check({"model": "m", "messages": [], "colour": "red"})):
        sys.exit("the API description does not refuse an unknown field: this script no longer fits it")

    counts, violations = collections.Counter(), 0
    with open(arguments.requests, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            vendor = line["to"]["vendor"]
            check = openai_check(openapi, adapters, line) if vendor == "openai" else anthropic_check(adapters, line)
            for problem in check:
                violations += 1
                print(f"{vendor} {line['to']['variant']}, {line['request']}, streamed {line['streamed']}: {problem}")
            counts[vendor] += 1
            if "json_schema" in json.dumps(line["body"]):
                counts[vendor + " with a schema"] += 1
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())), f"requests checked, {violations} violations")
    if not counts:
        sys.exit("no request was read")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
