"""The walls around a viewer: it reads untrusted files, so it sees and reaches nothing else than it needs.

`enter` is called once, by the viewer's own process, when it knows what it shows. `plan` says what there is to see and
`view` shows it, `facets` says which walls there are and which of them this kernel gives, `kernel` makes the calls.
Standard library only: programs in an environment of their own use it too.
"""

from belvedere.viewers.sandbox.entering import (
    Refused,
    end_with,
    enter,
    follow,
    fork_beside,
    is_separated,
    prepare,
    stage,
)
from belvedere.viewers.sandbox.facets import Facet, Lacks, lacks
from belvedere.viewers.sandbox.plan import Confinement

__all__ = [
    "Confinement",
    "Facet",
    "Lacks",
    "Refused",
    "end_with",
    "enter",
    "follow",
    "fork_beside",
    "is_separated",
    "lacks",
    "prepare",
    "stage",
]
