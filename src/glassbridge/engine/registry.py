"""Values by id and by name: a look-up costs the same with a thousand as with one."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from glassbridge.errors import Hint, Remedy
from glassbridge.model.names import Identified, resolve

V = TypeVar("V", bound=Identified)
_LISTS = {"network": Remedy.LIST_NETWORKS, "container": Remedy.LIST_CONTAINERS}


class Registry(Generic[V]):
    """Changed by the writer thread alone; any thread may read."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._by_id: dict[str, V] = {}
        self._ids: dict[str, str] = {}

    def __getitem__(self, key: str) -> V:
        return self._by_id[key]

    def __contains__(self, key: str) -> bool:
        return key in self._by_id

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[V]:
        """Iterate over a copy: another thread may change the registry meanwhile."""
        return iter(tuple(self._by_id.values()))

    def get(self, key: str) -> V | None:
        """The value of an id."""
        return self._by_id.get(key)

    def named(self, name: str) -> V | None:
        """The value of a name."""
        found = self._ids.get(name)
        return None if found is None else self._by_id.get(found)

    def find(self, ref: str) -> V:
        """The value meant by an id, a name or a unique prefix; raises NotFound or Conflict."""
        known = self.get(ref) or self.named(ref)
        return known or resolve(ref, self, self._what, Hint(_LISTS[self._what]))

    def put(self, value: V) -> None:
        """Add or replace; the name of an id never changes."""
        self._by_id[value.id] = value
        self._ids[value.name] = value.id

    def drop(self, key: str) -> None:
        """Forget; already gone is success."""
        value = self._by_id.pop(key, None)
        if value is not None and self._ids.get(value.name) == key:
            del self._ids[value.name]
