"""Makes repositories with templates in dvc.yaml: cases.py SEED COUNT FOLDER writes them and FOLDER/cases.jsonl."""

import json
import random
import sys
from pathlib import Path

SCALARS = [0, 1, -3, 1.5, 1e-5, 1e20, True, False, None, "", "x", "a b", "yes", "1", "1.0", "null", "ä", "a/b", "q'\"", "$x", "#h", "k: v"]
WORDS = ["x", "one", "two", "a-b", "a_b", "1", "z9", "d/e"]


def scalar(r):
    return r.choice(SCALARS)


def value(r, depth=0):
    kind = r.random()
    if depth > 1 or kind < 0.55:
        return r.choice(WORDS) if r.random() < 0.5 else scalar(r)
    if kind < 0.78:
        return [value(r, depth + 1) for _ in range(r.randint(0, 3))]
    return {r.choice(["f", "g", "h", "k 1", "2"]): value(r, depth + 1) for _ in range(r.randint(0, 3))}


def variables(r):
    """Values of all the kinds that templates ask for, under names that expressions know."""
    made = {name: value(r) for name in r.sample(["a", "b", "c", "s"], r.randint(1, 4))}
    if r.random() < 0.7:
        made["n"] = {"x": r.choice(WORDS), "y": value(r, 1), "z": {"w": scalar(r)}}
    if r.random() < 0.6:
        made["l"] = [r.choice(WORDS) for _ in range(r.randint(0, 3))] if r.random() < 0.6 else [value(r, 1) for _ in range(3)]
    if r.random() < 0.6:
        made["d"] = {r.choice(WORDS): r.choice([scalar(r), {"f": r.choice(WORDS), "g": scalar(r)}]) for _ in range(r.randint(0, 3))}
    return made


def without_null(tree):
    if isinstance(tree, dict):
        return {key: without_null(item) for key, item in tree.items() if item is not None}
    if isinstance(tree, list):
        return [without_null(item) for item in tree if item is not None]
    return tree


def write(r, path, tree):
    import tomlkit
    from dvc.utils.serialize import dumps_yaml

    if path.suffix == ".json":
        text = json.dumps(tree)
    elif path.suffix == ".toml":
        text = tomlkit.dumps(without_null(tree))
    elif path.suffix == ".py":
        text = "".join(f"{key} = {item!r}\n" for key, item in tree.items() if key.isidentifier())
        if r.random() < 0.3:
            text += f"class n:\n    x = {r.choice(WORDS)!r}\n    v: int = 3\n"
    else:
        text = dumps_yaml(tree)
    path.write_text(text, encoding="utf-8")


def expression(r, names):
    name = r.choice(names)
    if r.random() < 0.08:
        name += r.choice([".x", ".y", ".f", ".g", "[0]", "[1]", "[-1]", "[x]", ".z.w", "[f]", ".0", ".z[w]", "[nope]"])
    space = " " if r.random() < 0.1 else ""
    made = f"${{{space}{name}{space}}}"
    return "\\" + made if r.random() < 0.04 else made


def text(r, names, start=""):
    kind = r.random()
    if kind < 0.3:
        return start + r.choice(WORDS)
    if kind < 0.65:
        return start + expression(r, names)
    return start + r.choice(["", "o/", "m-"]) + expression(r, names) + r.choice(["", ".json", "-", "/p"]) + (expression(r, names) if r.random() < 0.3 else "")


def out(r, names, number):
    path = text(r, names, r.choice(["", f"o{number}-", f"o{number}/"]))
    if r.random() < 0.45:
        return path
    flags = {}
    for flag in ["cache", "push", "persist"]:
        if r.random() < 0.4:
            flags[flag] = expression(r, names) if r.random() < 0.02 else r.choice([True, False, False])
    if r.random() < 0.15:
        flags["remote"] = text(r, names)
    if r.random() < 0.1:
        flags["desc"] = text(r, names)
    return {path: flags}


def stage(r, names):
    made = {}
    local = []
    if r.random() < 0.2:
        local = ["v"]
        made["vars"] = [{"v": value(r)}] if r.random() < 0.8 else [{"v": value(r)}, "params.json"]
    names = names + local
    kind = r.random()
    if kind < 0.7:
        made["cmd"] = "run " + text(r, names)
    elif kind < 0.85:
        made["cmd"] = ["run " + text(r, names), text(r, names, "and ")]
    else:
        made["cmd"] = "run " + r.choice(["${d}", "${n}", "${item}", "${n.z}"])
    if r.random() < 0.25:
        made["wdir"] = r.choice([text(r, names), "w", "."])
    if r.random() < 0.4:
        made["deps"] = [text(r, names, "dep-") for _ in range(r.randint(1, 2))]
    number = 0
    for key in ["outs", "metrics", "plots"]:
        if r.random() < (0.9 if key == "outs" else 0.25):
            outs = []
            for _ in range(r.randint(1, 2)):
                number += 1
                outs.append(out(r, names, f"{key[0]}{number}"))
            made[key] = outs
    if r.random() < 0.3:
        made["params"] = r.choice([["a"], ["n.x"], [text(r, names)], [{"params.json": ["a"]}], [{text(r, names): ["b", "c"]}], [{"params.toml": None}]])
    for flag in ["frozen", "always_changed"]:
        if r.random() < 0.08:
            made[flag] = r.choice([True, False])
    if r.random() < 0.05:
        made["desc"] = text(r, names)
    return made


def group(r, names):
    kind = r.random()
    if kind < 0.45:
        over = r.choice(["${l}", "${d}", "${n.y}", "${a}", ["one", "two"], [1, 2.5, True, None], [{"f": "x", "g": 1}, {"f": "y", "g": 2}], {"p": {"f": "x"}, "q": {"f": "y"}}, {"p": 1, "q": "two"}, ["${a}", "z"], {"${a}": "x"}, {"p": "${b}"}])
        return {"foreach": over, "do": stage(r, [*names, "item", "item", "item", "key", "item.f"])}
    axes = {}
    for axis in r.sample(["model", "size", "k"], r.randint(1, 2)):
        axes[axis] = r.choice([["one", "two"], [1, 2], "${l}", [{"f": "x"}, "y"], ["${a}", 3], [True, None, 1.0], [["p", "q"]], "${n.y}", []])
    return {"matrix": axes, **stage(r, [*names, "item", *(f"item.{axis}" for axis in axes), *(f"item.{axis}" for axis in axes), "key"])}


def case(r, folder):
    folder.mkdir(parents=True)
    files = {name: variables(r) for name in r.sample(["params.yaml", "params.json", "params.toml", "params.py", "sub/more.yaml"], r.choice([0, 1, 1, 1, 2]))}
    for name, tree in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        write(r, folder / name, tree)
    document = {}
    # What is known, as far as that is easily told, and now and then what is not.
    known = {key for tree in files.values() for key in tree} if r.random() < 0.9 else {"a", "b", "c", "s", "n", "l", "d"}
    if r.random() < 0.6:
        entries = []
        for _ in range(r.randint(1, 3)):
            name = r.choice([*files, "params.yaml"]) if r.random() < 0.97 else "nope.yaml"
            kind = r.random()
            if kind < 0.6 or not files:
                taken = {key for tree in files.values() for key in tree}.union(*(entry for entry in entries if isinstance(entry, dict)))
                # A key that is there already is mostly refused.
                entries.append({key: item for key, item in variables(r).items() if key not in taken or r.random() < 0.05})
            elif kind < 0.8:
                entries.append(name)
            else:
                keys = list(files.get(name, {"a": 1}))
                entries.append(f"{name}:{r.choice([keys[0], keys[-1], ','.join(keys), 'n.x', ' , '.join(keys), 'nope', ''])}")
        document["vars"] = entries
        known |= {key for entry in entries if isinstance(entry, dict) for key in entry}
    names = [key for key in sorted(known) if key not in "nld" or r.random() < 0.3] + (["n.x"] if "n" in known else [])
    names = names or ["a"]
    stages = {}
    for number in range(r.randint(1, 3)):
        stages[r.choice(["make", "train", "s"]) + str(number)] = stage(r, names) if r.random() < 0.5 else group(r, names)
    document["stages"] = stages
    from dvc.utils.serialize import dumps_yaml

    (folder / "dvc.yaml").write_text(dumps_yaml(document), encoding="utf-8")
    dvc = folder / ".dvc"
    dvc.mkdir()
    config = ""
    if r.random() < 0.2:
        config = f"[parsing]\n    bool = {r.choice(['store_true', 'boolean_optional'])}\n    list = {r.choice(['nargs', 'append'])}\n"
    (dvc / "config").write_text("[core]\n    no_scm = true\n" + config)


def main():
    seed, count, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    with open(folder / "cases.jsonl", "w", encoding="utf-8") as cases:
        for number in range(count):
            path = folder / str(number)
            case(random.Random(seed * 1_000_003 + number), path)
            cases.write(json.dumps({"dir": str(path)}) + "\n")
    print(count)


main()
