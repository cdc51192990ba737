"""A loop that makes a task for each file; they run beside each other."""

import tempfile
from pathlib import Path

from levada import flow, task


@task
def process_file(file: str) -> int:
    """Count the words of a file."""
    return len(Path(file).read_text().split())


@flow
def process_files(file_list: list[str]) -> list[int]:
    """Every file gets a task of its own."""
    results = []
    for file in file_list:
        result = process_file.submit(file)
        results.append(result)
    return [r.result() for r in results]


@flow
def process_folder(folder: Path) -> int:
    """The same with map, and a last task that takes all the results."""
    counts = process_file.map(sorted(map(str, folder.glob("*.txt"))))
    return total(counts)


@task
def total(counts: list[int]) -> int:
    """Add up; the futures in the list have become numbers."""
    return sum(counts)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        for number in range(5):
            (Path(name) / f"{number}.txt").write_text("word " * number)
        print(process_files([str(path) for path in sorted(Path(name).iterdir())]))
        print(process_folder(Path(name)))
