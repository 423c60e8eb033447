"""Blocks to files: what `corrente sub --save` writes.

PATH.npz    per topic three arrays: `TOPIC` the items, `TOPIC@indices` the index of each,
            `TOPIC@gaps` rows `[from, to)` of what is missing; of events, `TOPIC` the rows, and
            instead of indices `TOPIC@covered`, rows `[from, to)` of the items they are of
PATH.csv    one signal: a column `index`, then one per channel; a gap is where the index jumps;
            or events: a row each, `index` first
PATH.wav    one signal at a whole rate; a gap is filled with silence, up to a minute
FOLDER      one topic of frames, a png each, named by its index; a gap is where numbers are missing

A gap is told on standard error as well. `close` makes a valid file of what came until then.
"""

from corrente.saving.recording import Recording as Recording
