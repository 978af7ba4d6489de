# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads a pickle as the description that it is: a small machine of our own instead of Python's, with bounds on all.

Python's reader trusts the file: an index makes it reserve gigabytes, a tuple of tuples makes it hash for ever. Here the
number of instructions, the length of each text and number and the items copied are counted before anything is built,
keys of mappings are plain values, and the only functions that can be called are the ``Word`` that ``find_word`` gives.

Source: the instructions as Python's ``pickletools`` lists them.
"""

from __future__ import annotations

import io
import pickletools  # nosec B403 # only lists what a pickle says
from typing import IO, Any, Callable, Dict, Iterator, List, Sequence, Tuple, cast

MOST_INSTRUCTIONS = 500_000  # a training checkpoint of CLIP's largest form has 200,000
MOST_ITEMS = 2_000_000  # copied into containers
LONGEST_KEY = 1000  # characters
_LONGEST_LINE = 1000  # bytes of a text instruction
_MOST_BITS = 4096  # of a whole number
_EMPTY: Dict[str, Callable[[], object]] = {
    "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list, "NONE": lambda: None,
    "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
}  # fmt: skip
_SMALL_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_PLAIN = (str, int, float, bytes, type(None))


class PickleError(Exception):
    """A pickle that cannot be read, or is not meant for us."""


class UnsafeWordError(PickleError):
    """A pickle uses a word that is not in the vocabulary."""


class Shell:
    """Stands for an object of a class that is not imported; remembers attributes, does nothing."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state: Dict[object, object] = {}


class Word:
    """A function of our own that a pickle may call."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[..., object]) -> None:
        self.function = function


SHELL = Word(lambda *_arguments: Shell())


class _BoundedStream:
    """A stream for ``pickletools``, which gives no more than there is, and no endless line."""

    def __init__(self, stream: io.BytesIO, n_bytes: int) -> None:
        self.tell = stream.tell
        self._stream = stream
        self._n_bytes = n_bytes

    def read(self, n_bytes: int) -> bytes:
        if n_bytes > self._n_bytes:
            raise PickleError("it is cut off")
        return self._stream.read(n_bytes)

    def readline(self) -> bytes:
        line = self._stream.readline(_LONGEST_LINE)
        if len(line) == _LONGEST_LINE:
            raise PickleError("a line is too long")
        return line


class PickleReader:
    """Reads one pickle after another from bytes in memory.

    Args:
        data: The pickles, and perhaps something behind them.
        find_word: Gives what a word ("module.name") stands for, a ``Word`` or a plain value, or raises
            ``UnsafeWordError``.
        load_storage: Gives what a persistent id stands for.
    """

    def __init__(
        self, data: bytes, find_word: Callable[[str], object], load_storage: Callable[[object], object]
    ) -> None:
        self._stream = io.BytesIO(data)
        self._n_bytes = len(data)
        self._find_word = find_word
        self._load_storage = load_storage
        self._items_left = MOST_ITEMS
        self._instructions_left = MOST_INSTRUCTIONS
        self._stack: List[Any] = []
        self._marks: List[int] = []
        self._memo: Dict[int, Any] = {}

    def load(self) -> object:
        """The content of the next pickle.

        Raises:
            PickleError: It is damaged, too large or unsafe.
        """
        self._stack, self._marks, self._memo = [], [], {}
        try:
            for name, argument in self._instructions():
                self._do(name, argument)
            return self._stack.pop()
        except (IndexError, KeyError) as error:
            raise PickleError("its instructions do not fit together") from error
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise PickleError(str(error)) from error

    def _instructions(self) -> Iterator[Tuple[str, Any]]:
        for opcode, argument, _position in pickletools.genops(
            cast(IO[bytes], _BoundedStream(self._stream, self._n_bytes))
        ):
            self._instructions_left -= 1
            if self._instructions_left < 0:
                raise PickleError(f"it has more than {MOST_INSTRUCTIONS} instructions")
            if isinstance(argument, int) and argument.bit_length() > _MOST_BITS:
                raise PickleError("a number is too long")
            yield opcode.name, argument

    def _do(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in _SMALL_TUPLES:
            n_items = _SMALL_TUPLES[name]
            if len(stack) - (self._marks[-1] if self._marks else 0) < n_items:
                raise IndexError(name)
            stack[-n_items:] = [tuple(stack[-n_items:])]
        elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT", "PUT"):
            self._memo[len(self._memo) if argument is None else int(argument)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[int(argument)])
        elif name == "MARK":
            self._marks.append(len(stack))
        elif name in ("POP", "DUP"):
            stack.append(stack[-1]) if name == "DUP" else stack.pop()
        elif name not in ("PROTO", "FRAME", "STOP"):
            action = _ACTIONS.get(name)
            if action is not None:
                action(self, argument)
            elif name.startswith("EXT"):  # words from a table of the process, past the vocabulary
                raise UnsafeWordError("an extension code")
            elif isinstance(argument, (str, int, float, bytes, bytearray)) and "BUFFER" not in name:
                stack.append(argument)
            else:
                raise PickleError(f"it has the instruction {name}")

    def _take_marked(self) -> List[Any]:
        begin = self._marks.pop()
        items = self._stack[begin:]
        del self._stack[begin:]
        self._spend(len(items))
        return items

    def _spend(self, n_items: int) -> None:
        self._items_left -= n_items
        if self._items_left < 0:
            raise PickleError(f"it has more than {MOST_ITEMS} items")

    def _make_tuple(self, _argument: object) -> None:
        self._stack.append(tuple(self._take_marked()))

    def _make_list(self, _argument: object) -> None:
        self._stack.append(self._take_marked())

    def _make_dict(self, _argument: object) -> None:
        items = self._take_marked()
        self._stack.append({})
        self._store(items)

    def _append(self, _argument: object) -> None:
        item = self._stack.pop()
        self._extend([item])

    def _appends(self, _argument: object) -> None:
        self._extend(self._take_marked())

    def _extend(self, items: Sequence[object]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Shell):  # which drops items
            raise PickleError("items are put into what is no list")

    def _set_item(self, _argument: object) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._store([key, value])

    def _set_items(self, _argument: object) -> None:
        self._store(self._take_marked())

    def _store(self, items: Sequence[object]) -> None:
        target = self._stack[-1]
        entries = target.state if isinstance(target, Shell) else target
        if not isinstance(entries, dict) or len(items) % 2:
            raise PickleError("entries are put into what is no mapping")
        for key, value in zip(items[::2], items[1::2]):
            if isinstance(key, (str, bytes)) and len(key) > LONGEST_KEY:
                raise PickleError(f"a name has {len(key)} characters")
            if isinstance(key, _PLAIN):  # others, such as tuples, name no weights, and may take for ever to hash
                entries[key] = value

    def _find(self, argument: Any) -> None:
        if argument is None:
            name, module = self._stack.pop(), self._stack.pop()
        else:
            module, _, name = argument.partition(" ")
        if not isinstance(module, str) or not isinstance(name, str):
            raise PickleError("a word is no text")
        self._stack.append(self._find_word(f"{module}.{name}"))

    def _call(self, _argument: object) -> None:
        arguments, word = self._stack.pop(), self._stack.pop()
        self._apply(word, arguments)

    def _call_with_names(self, _argument: object) -> None:
        self._stack.pop()  # arguments by name
        arguments, word = self._stack.pop(), self._stack.pop()
        self._apply(word, arguments)

    def _call_marked(self, argument: Any) -> None:
        items = self._take_marked()
        if argument is not None:
            self._find(argument)
            items.insert(0, self._stack.pop())
        self._apply(items[0], tuple(items[1:]))

    def _apply(self, word: object, arguments: object) -> None:
        if not isinstance(word, Word) or not isinstance(arguments, tuple):
            raise PickleError("it calls what is no function")
        self._spend(sum(len(item) for item in arguments[:16] if isinstance(item, (tuple, list, dict))) + len(arguments))
        self._stack.append(word.function(*arguments))

    def _build(self, _argument: object) -> None:
        state = self._stack.pop()
        if isinstance(self._stack[-1], Shell) and isinstance(state, dict):
            self._stack[-1].state = state
        elif isinstance(self._stack[-1], Word):
            raise PickleError("an attribute is set where there is none")

    def _load_persistent(self, _argument: object) -> None:
        self._stack.append(self._load_storage(self._stack.pop()))

    def _drop_marked(self, _argument: object) -> None:
        self._take_marked()


_ACTIONS: Dict[str, Callable[[PickleReader, Any], None]] = {
    "TUPLE": PickleReader._make_tuple, "LIST": PickleReader._make_list, "FROZENSET": PickleReader._make_list,
    "DICT": PickleReader._make_dict, "APPEND": PickleReader._append, "APPENDS": PickleReader._appends,
    "ADDITEMS": PickleReader._appends, "SETITEM": PickleReader._set_item, "SETITEMS": PickleReader._set_items,
    "GLOBAL": PickleReader._find, "STACK_GLOBAL": PickleReader._find, "REDUCE": PickleReader._call,
    "NEWOBJ": PickleReader._call, "NEWOBJ_EX": PickleReader._call_with_names, "INST": PickleReader._call_marked,
    "OBJ": PickleReader._call_marked, "BUILD": PickleReader._build, "BINPERSID": PickleReader._load_persistent,
    "POP_MARK": PickleReader._drop_marked,
}  # fmt: skip
