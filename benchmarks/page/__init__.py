"""The page in a real browser: what each view asks for, how soon it is there, how soon a change shows.

`python -m benchmarks page` starts one server at a time, fills it, and opens each view of its page in Chromium with
nothing remembered, as who types its address sees it. Prefect's page is opened in the same browser on as many runs. What
is measured is seen from outside: the browser's own account of its requests, and the text on the screen.
"""
