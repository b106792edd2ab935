"""Answers with DVC's own resolver what the stages of the dvc.yaml of each case are: one line of JSON for each of stdin."""

import json
import sys

from dvc.dependency import ParamsDependency
from dvc.dvcfile import load_file
from dvc.repo import Repo


def shown(stage):
    outs = [
        {
            "path": out.def_path,
            "cache": out.use_cache,
            "push": out.can_push,
            "persist": out.persist,
            "remote": None if out.remote is None else str(out.remote),
            "kind": "metric" if out.metric else "plot" if out.plot else "data",
        }
        for out in stage.outs
    ]
    return {
        "cmd": stage.cmd if isinstance(stage.cmd, list) else [stage.cmd],
        "wdir": stage.wdir,
        "deps": sorted(dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency)),
        "outs": sorted(outs, key=lambda out: out["path"]),
        "frozen": bool(stage.frozen),
        "always_changed": bool(stage.always_changed),
    }


def answer(folder):
    stages = {}
    with Repo(folder) as repo:
        try:
            loader = load_file(repo, f"{folder}/dvc.yaml").stages
            names = list(loader)
        except Exception as error:
            return {"refusal": f"{type(error).__name__}: {error}"}
        for name in names:
            try:
                stages[name] = shown(loader[name])
            except Exception as error:
                stages[name] = {"refusal": f"{type(error).__name__}: {error}"}
    return {"stages": stages}


for line in sys.stdin:
    try:
        print(json.dumps(answer(json.loads(line)["dir"])), flush=True)
    except Exception as error:
        print(json.dumps({"crash": repr(error)}), flush=True)
