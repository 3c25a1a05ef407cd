"""Runs decoding and analysis in separate processes, beside the importing process.

    with Decoders(number=2) as decoders:
        analysis = decoders.run(analyse, path, options, cancelled=stop.is_set)

A `pool` lends decoders to threads. A `decoder` is the parent's side of a process, whose main
function is in `child`; the two exchange `messages` through pipes. The process is a separate
program, not a fork. So the parent needs no `if __name__ == "__main__"` (as with multiprocessing's
'spawn'), its locks and connections are not inherited, and if the parent dies, its pipe closes and
the decoder ends.

`elsewhere` has the same interface for another program's executor, which may use other machines.

On two processors two decoders are 1.9 times as fast as one, but two threads only 1.3 times: much of
decoding and computing holds the GIL.
"""

from __future__ import annotations

from wkmp_orm.audio.decoders.elsewhere import ElsewhereDecoders
from wkmp_orm.audio.decoders.pool import Decoders, number_of_processors

__all__ = ["Decoders", "ElsewhereDecoders", "number_of_processors"]
