"""The revisions, one module each, in the order of their names.

A module has `revision`, `down_revision`, `expands` (whether older code keeps working on the result) and `rewrites` (by
dialect, the tables of which every row is written anew: what takes long). Its first line says what it is for. Frozen: a
revision that was released is never edited, so it calls nothing that may change; its SQL lies in `../sql`.
"""
