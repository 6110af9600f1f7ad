"""The timelines that are kept in the tree: tests/lab/recorded/*.jsonl, large ones packed (.jsonl.gz)."""
import gzip
import json
import pathlib

FOLDER = pathlib.Path(__file__).resolve().parent / "recorded"


def text_of(path):
    return gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text(encoding="utf-8")


def files():
    return sorted([*FOLDER.glob("*.jsonl"), *FOLDER.glob("*.jsonl.gz")])


def plain_files(folder):
    """Returns the same files as plain text, unpacked into `folder` where need be: what lab_judge reads."""
    plain = []
    for path in files():
        if path.suffix == ".gz":
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / path.stem
            target.write_text(text_of(path), encoding="utf-8")
            plain.append(target)
        else:
            plain.append(path)
    return plain


def timelines(begin):
    """Yields (head, lines) of every timeline in the files whose name begins so."""
    for path in files():
        if not path.name.startswith(begin):
            continue
        head, lines = None, []
        for text in text_of(path).splitlines():
            row = json.loads(text)
            if "story" in row:
                if head:
                    yield head, lines
                head, lines = row["story"], []
            else:
                lines.append(row)
        if head:
            yield head, lines
