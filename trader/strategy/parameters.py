"""A strategy's parameters, checked against what its class says of them."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from trader.config.describe import allowed, fields_of
from trader.config.problems import shown
from trader.domain.errors import Misconfigured
from trader.strategy.base import Strategy


def with_parameters(found: type[Strategy], given: Mapping[str, Any], block: str = "strategy") -> Strategy:
    """An instance of `found`. Raises `Misconfigured` with a line for each wrong one: key, given, allowed."""
    fields = fields_of(found.Parameters)
    unknown = [name for name in given if name not in fields]
    lines = [f"{block}.parameters.{n}: unknown key; allowed here: {', '.join(fields) or 'none'}" for n in unknown]
    known = {name: value for name, value in given.items() if name in fields}
    try:
        parameters = found.Parameters.model_validate(known)
    except ValidationError as error:
        raise Misconfigured("\n".join([*lines, *_parameter_lines(error, found.Parameters, block)])) from None
    if lines:
        raise Misconfigured("\n".join(lines))
    return found(parameters)


def _parameter_lines(error: ValidationError, model: type[BaseModel], block: str) -> list[str]:
    lines, fields = [], fields_of(model)
    for detail in error.errors(include_url=False):
        key = ".".join([f"{block}.parameters", *map(str, detail["loc"])])
        field = fields.get(str(detail["loc"][0])) if detail["loc"] else None
        words = allowed(field) if field else detail["msg"]
        if detail["type"] == "value_error":
            lines.append(f"{key}: {detail.get('ctx', {}).get('error', detail['msg'])}")
        elif detail["type"] == "missing":
            lines.append(f"{key} is missing; allowed: {words}")
        else:
            lines.append(f"{key}: given {shown(detail['input'])}; allowed: {words}")
    return lines
