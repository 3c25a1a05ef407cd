"""Processes in which sound is decoded and computed with, beside the process that imports.

    with Decoders(number=2) as decoders:
        analysis = decoders.run(analyse, path, options, cancelled=stop.is_set)

A `pool` lends decoders to threads. A `decoder` is the parent's side of a process, whose main
function is in `child`; the two exchange `messages` through pipes. The process is a program of its
own. So the parent needs no `if __name__ == "__main__"`, as it would with multiprocessing's 'spawn',
its locks and connections are not inherited, and when it dies, however that happens, the pipe ends
and the decoder ends.

`elsewhere` gives the same face to somebody else's executor, which may compute on other machines.

On two processors two decoders are 1.9 times as fast as one, where two threads are 1.3 times: much
of decoding and computing holds the interpreter's lock.
"""

from __future__ import annotations

from wkmp_orm.audio.decoders.elsewhere import ElsewhereDecoders
from wkmp_orm.audio.decoders.pool import Decoders, number_of_processors

__all__ = ["Decoders", "ElsewhereDecoders", "number_of_processors"]
