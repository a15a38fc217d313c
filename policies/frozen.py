"""Dataclasses, frozen ones above all, that cost a start little.

The model is some 250 small frozen classes, and ``bakegate lint`` of one file makes them all before
it reads a byte. The standard decorator writes and compiles six functions for each, which was half
of the whole start, and reads every annotation as text; this one compiles ``__init__`` alone, for
the classes of which many values are made. The standard library itself is loaded when it is asked
about a class: ``dataclasses.fields``, ``replace`` and ``asdict`` find what they need. To a type
checker it is the standard decorator.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeVar

if TYPE_CHECKING:
    import dataclasses

T = TypeVar("T")

#: A field without a default, or without a factory that makes one.
_NONE: Final = object()
#: In the signature of a class: the field has a factory that makes its default.
_MADE: Final = object()
#: So many values of a class are made before its ``__init__`` is written.
_SLOWLY: Final = 8
#: Gives an object another class of the same slots.
_BECOME: Final = vars(object)["__class__"].__set__
#: Where a class has its fields, by their names.
_FIELDS: Final = "__frozen_fields__"


class Field(NamedTuple):
    """What a class says of one of its values; the words are those of ``dataclasses.Field``."""

    name: str
    type: Any
    default: Any = _NONE
    default_factory: Any = _NONE
    init: bool = True
    repr: bool = True
    compare: bool = True
    kw_only: bool | None = False
    """None where the field leaves it to its class."""
    metadata: Mapping[str, Any] | None = None


class _Known(NamedTuple):
    """What ``__init__`` of a class takes."""

    places: dict[str, int]
    values: Callable[[Any], tuple[Any, ...]]
    """All of it of a value, and then its class, so that it is never one thing alone."""
    by_place: bool
    """Whether all of it may stand without its name; not where there is nothing to stand."""


_KNOWN: Final[dict[type, _Known]] = {}


def _known(cls: type) -> _Known:
    taken = [each for each in own_fields(cls) if each.init]
    names = [each.name for each in taken]
    places = {name: number for number, name in enumerate(names)}
    by_place = bool(names) and not any(each.kw_only for each in taken)
    return _KNOWN.setdefault(cls, _Known(places, attrgetter(*names, "__class__"), by_place))


def own_fields(cls: type[Any]) -> tuple[Field, ...]:
    """The fields of a class, without asking the standard library about one that is made here."""
    known: Mapping[str, Field] = getattr(cls, _FIELDS, None) or cls.__dataclass_fields__
    return tuple(known.values())


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - what type checkers see
    from dataclasses import field as field  # noqa: PLC0414
    from dataclasses import replace as replace  # noqa: PLC0414
else:

    def field(*, kw_only: bool | None = None, **said: Any) -> Field:
        """As ``dataclasses.field``, for a class that is made here."""
        return Field("", None, kw_only=kw_only, **said)

    def replace(value: T, /, **changes: object) -> T:
        """As ``dataclasses.replace``, in half of its time where a class has many fields."""
        cls = value.__class__
        known = _KNOWN.get(cls) or _known(cls)
        if known.by_place and changes.keys() <= known.places.keys():
            *values, _ = known.values(value)
            for name, changed in changes.items():
                values[known.places[name]] = changed
            return cls(*values)
        return cls(**{name: getattr(value, name) for name in known.places} | changes)

    def dataclass(
        *, kw_only: bool = False, frozen: bool = False, slots: bool = False
    ) -> Callable[[type[T]], type[T]]:
        """As ``dataclasses.dataclass``, for ``slots=True`` and nothing else."""
        if not slots:
            told = "only dataclasses with slots are made here"
            raise TypeError(told)

        return lambda cls: _with_slots(cls, kw_only=kw_only, frozen=frozen)


def _with_slots(cls: type[T], *, kw_only: bool, frozen: bool) -> type[T]:
    """The class made anew, with its fields as slots; what it defines itself stays."""
    body = dict(vars(cls))
    all_fields: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        all_fields |= vars(base).get(_FIELDS, {})
    inherited = set(all_fields)
    for name, kind in body.get("__annotations__", {}).items():
        all_fields[name] = _field(name, kind, body.pop(name, _NONE), kw_only=kw_only)
    known = tuple(all_fields.values())
    for name in ("__dict__", "__weakref__"):
        body.pop(name, None)
    made: type[T] = type(
        cls.__name__,
        cls.__bases__,
        {
            **_functions(known, frozen=frozen),
            **body,
            "__doc__": cls.__doc__ or cls.__name__,
            "__qualname__": cls.__qualname__,
            "__slots__": tuple(name for name in all_fields if name not in inherited),
            "__match_args__": tuple(each.name for each in known if each.init and not each.kw_only),
            _FIELDS: all_fields,
            "__dataclass_fields__": _WhenAsked(_standard_fields, known),
            _PARAMS: _STANDARD_PARAMS,
        },
    )
    return made


def _field(name: str, kind: Any, default: Any, *, kw_only: bool) -> Field:
    """What an annotation and its default say."""
    if not isinstance(default, Field):
        if hasattr(default, "default_factory"):
            told = f"{name}: use the function field of this module"
            raise TypeError(told)
        return Field(name, kind, default, kw_only=kw_only)
    only = kw_only if default.kw_only is None else default.kw_only
    return default._replace(name=name, type=kind, kw_only=only)


class _WhenAsked:
    """An attribute for the standard library, which few commands ask about a class."""

    def __init__(self, make: Callable[..., Any], *of: object) -> None:
        self._make = make
        self._of = of
        self._made: Any = None

    def __get__(self, value: object, cls: type) -> Any:
        if self._made is None:
            self._made = self._make(*self._of)
        return self._made


def _standard_fields(known: tuple[Field, ...]) -> "dict[str, dataclasses.Field[Any]]":
    """Fields as the standard decorator would make them."""
    import dataclasses  # noqa: PLC0415 - with what it loads, a twentieth of a lint of one file

    found = {}
    for each in known:
        said = {name: value for name, value in each._asdict().items() if value is not _NONE}
        name, kind = said.pop("name"), said.pop("type")
        made: dataclasses.Field[Any] = dataclasses.field(**said)
        made.name, made.type = name, kind
        # The one private name of the standard library here, the same since there are dataclasses.
        made._field_type = dataclasses._FIELD  # type: ignore[attr-defined] # noqa: SLF001
        found[name] = made
    return found


def _standard_params() -> object:
    from dataclasses import dataclass as standard  # noqa: PLC0415 - see above

    return vars(standard(init=False, repr=False, eq=False)(type("_", (), {})))[_PARAMS]


_PARAMS: Final = "__dataclass_params__"
_STANDARD_PARAMS: Final = _WhenAsked(_standard_params)


def _functions(all_fields: tuple[Field, ...], *, frozen: bool) -> dict[str, Any]:
    compared = [each.name for each in all_fields if each.compare]
    key: Callable[[Any], object] = attrgetter(*compared) if compared else type

    def equal(self: object, other: object) -> object:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return key(self) == key(other)

    def hashed(self: object) -> int:
        return hash(key(self))

    refused = {"__setattr__": _refuse, "__delattr__": _refuse, "__hash__": hashed}
    return {
        "__init__": _first_init(all_fields),
        "__eq__": equal,
        "__repr__": _repr,
        **(refused if frozen else {"__hash__": None}),
        **_copied(all_fields),
    }


def _copied(all_fields: tuple[Field, ...]) -> dict[str, Any]:
    """How values go to other processes: findings do, by the thousand."""
    if all_fields and all(each.init and not each.kw_only for each in all_fields):
        return {"__reduce__": _reduce}
    names = tuple(each.name for each in all_fields)

    def state(self: object) -> list[object]:
        return [getattr(self, name) for name in names]

    def restore(self: object, state: list[object]) -> None:
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    # What a parent is made anew from would be too little.
    return {"__getstate__": state, "__setstate__": restore, "__reduce__": object.__reduce__}


def _reduce(self: object) -> tuple[type, tuple[Any, ...]]:
    """A value as its class and the arguments that make it anew, in half of the time."""
    cls = self.__class__
    *values, _ = (_KNOWN.get(cls) or _known(cls)).values(self)
    return cls, tuple(values)


def _first_init(all_fields: tuple[Field, ...]) -> Callable[..., None]:
    """Makes the first values slowly, and writes ``__init__`` for a class of which there are more.

    A run has some hundred classes with one or two values, as the parameters of rules are; to write
    and compile a function takes as long as to make ten of them.
    """
    positional = [each.name for each in all_fields if each.init and not each.kw_only]
    count = 0

    def first(self: Any, *arguments: object, **named: object) -> None:
        nonlocal count
        count += 1
        given = dict(zip(positional, arguments, strict=False)) | named
        usual = len(given) == len(arguments) + len(named)
        if count > _SLOWLY or not usual or not _made_slowly(self, all_fields, given):
            # What is wrong with the arguments, if anything is, is told by the real one.
            cls = type(self)
            cls.__init__ = written = _init(cls, all_fields)
            written(self, *arguments, **named)

    return first


def _made_slowly(self: Any, all_fields: tuple[Field, ...], given: dict[str, object]) -> bool:
    """Whether the arguments were right, and all attributes are set by them."""
    for each in all_fields:
        if not each.init:
            continue
        if each.name in given:
            value = given.pop(each.name)
        elif each.default is not _NONE:
            value = each.default
        elif each.default_factory is not _NONE:
            value = each.default_factory()
        else:
            return False
        object.__setattr__(self, each.name, value)
    if given:
        return False
    if hasattr(self, "__post_init__"):
        self.__post_init__()
    return True


def _init(cls: type[Any], all_fields: tuple[Field, ...]) -> Callable[..., None]:
    """``__init__`` as the standard decorator writes it, but for how attributes are set.

    ``object.__setattr__`` for each takes 50 ns, and a file has 700 objects of 5 to 30 attributes.
    So the new object is for a moment of a class of the same slots that lets itself be written to:
    half of the time for 5 attributes, a third for 30.
    """
    plain = {name: getattr(object, name) for name in ("__setattr__", "__delattr__")}
    writable = type(cls.__name__, (cls,), {"__slots__": (), **plain})
    known: dict[str, Any] = {"_become": _BECOME, "_writable": writable, "_cls": cls, "_made": _MADE}
    arguments: list[str] = ["self"]
    named: list[str] = []
    body: list[str] = [" _become(self, _writable)"]
    for each in all_fields:
        name = each.name
        if each.init:
            default = ""
            if each.default is not _NONE:
                known[f"_default_{name}"] = each.default
                default = f"=_default_{name}"
            elif each.default_factory is not _NONE:
                known[f"_default_{name}"] = each.default_factory
                default = "=_made"
            (named if each.kw_only else arguments).append(name + default)
            if default == "=_made":
                body.append(f" if {name} is _made: {name} = _default_{name}()")
            body.append(f" self.{name} = {name}")
    body.append(" self.__class__ = _cls")
    if hasattr(cls, "__post_init__"):
        body.append(" self.__post_init__()")
    signature = ", ".join([*arguments, "*", *named] if named else arguments)
    exec("\n".join([f"def __init__({signature}):", *body]), known)  # noqa: S102 - our own fields
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__annotations__ = {each.name: each.type for each in all_fields if each.init}
    return made


def _repr(self: Any) -> str:
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in _shown(self))
    return f"{self.__class__.__qualname__}({', '.join(shown)})"


def _shown(self: Any) -> list[Field]:
    return [each for each in own_fields(type(self)) if each.repr]


def _refuse(self: object, name: str, *value: object) -> NoReturn:  # noqa: ARG001 - two signatures
    import dataclasses  # noqa: PLC0415 - see above

    told = f"cannot change field {name!r}"
    raise dataclasses.FrozenInstanceError(told)
