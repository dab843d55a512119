"""The schema in words: what each knob accepts. Error messages and the generated documents say the same."""

from collections.abc import Iterator
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trader.config.section import Section


class Knob(NamedTuple):
    """One key of the tree: where it is, its field and its default (a `Section` for a block)."""

    path: tuple[str, ...]
    field: FieldInfo | None  # None for a key of a mapping (a regime's name)
    default: Any

    @property
    def is_block(self) -> bool:
        """Whether it holds other keys."""
        return isinstance(self.default, BaseModel) or (isinstance(self.default, dict) and bool(self.default))


def knobs(section: Section, path: tuple[str, ...] = ()) -> Iterator[Knob]:
    """Every key below `section` in the file's order, blocks before what they hold."""
    for attribute, field in type(section).model_fields.items():
        name, value = field.alias or attribute, getattr(section, attribute)
        yield Knob((*path, name), field, value)
        if isinstance(value, Section):
            yield from knobs(value, (*path, name))
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield Knob((*path, name, str(key)), None, inner)
                yield from knobs(inner, (*path, name, str(key)))


def fields_of(block: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a block by the keys of the file."""
    return {field.alias or name: field for name, field in block.model_fields.items()}


def allowed(field: FieldInfo) -> str:
    """What `field` accepts, for a person: "a number from 1 to 600", "paper or live"."""
    return _kind(field.annotation, tuple(field.metadata))


def _kind(annotation: Any, limits: tuple[object, ...]) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:  # a part of a union with limits of its own
        part, *own = get_args(annotation)
        nested = [limit for each in own for limit in (each.metadata if isinstance(each, FieldInfo) else [each])]
        return _kind(part, (*limits, *nested))
    if names := _names(annotation):
        return _choice(names)
    if origin in (Union, UnionType):
        kinds = [_kind(arg, limits) for arg in get_args(annotation) if arg is not NoneType]
        return " or ".join([*kinds, "null"])
    if annotation is bool:
        return "true or false"
    if annotation in (int, float):
        return " ".join(["a whole number" if annotation is int else "a number", *_range(limits)])
    if origin is tuple:
        names = _names(get_args(annotation)[0])
        return f"a list of {', '.join(names)}" if names else "a list of texts"
    if origin is dict or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return "a block of keys"
    return "a path" if getattr(annotation, "__name__", "") == "Path" else "a text"


def _names(annotation: Any) -> list[str]:
    """Every word that is allowed, where nothing else is."""
    if get_origin(annotation) is Literal:
        return [str(arg) for arg in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    if get_origin(annotation) in (Union, UnionType):
        each = [_names(arg) for arg in get_args(annotation)]
        return [name for names in each for name in names] if all(each) else []
    return []


def _choice(names: list[str]) -> str:
    return " or ".join(", ".join(names).rsplit(", ", 1))


def _range(limits: tuple[object, ...]) -> list[str]:
    words: list[str] = []
    low = next((limit for limit in limits if isinstance(limit, Ge | Gt)), None)
    high = next((limit for limit in limits if isinstance(limit, Le | Lt)), None)
    if isinstance(low, Ge):
        words.append(f"from {low.ge}" if high else f"of at least {low.ge}")
    elif isinstance(low, Gt):
        words.append(f"above {low.gt}" + (" and" if high else ""))
    if isinstance(high, Le):
        words.append(f"to {high.le}" if isinstance(low, Ge) else f"at most {high.le}")
    elif isinstance(high, Lt):
        words.append(f"below {high.lt}")
    return words


def model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The block a field holds (directly, or as the values of a mapping), or None for a plain value."""
    annotation = field.annotation
    if get_origin(annotation) is dict:
        annotation = get_args(annotation)[1]
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def is_mapping(field: FieldInfo) -> bool:
    """Whether the field is a block whose keys are names (the regimes), not knobs."""
    return get_origin(field.annotation) is dict
