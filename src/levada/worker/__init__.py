"""Executes the runs of a work pool: claims them, starts their processes, watches them, says how they ended.

May import client, journal, settings, wire and core; never what authors write. A worker lives as long as its command;
the process of each run, and its supervisor, live on without it.
"""
