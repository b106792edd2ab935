"""DVC that is imported once: each command runs in a fork of this process.

Usage: server.py SOCKET. A client (client.py) sends its directory, environment and arguments and its three standard streams, and
gets the exit code. The server ends when its standard input closes.
"""

import atexit
import contextlib
import importlib
import os
import pkgutil
import signal
import socket
import sys
import threading

import dvc.cli
import dvc.commands
import dvc.repo

# What a command imports when it needs it.
LATE = """
dvc.cli.parser dvc.repo dvc.stage dvc.stage.cache dvc.stage.run dvc.output dvc.dependency dvc.dependency.repo dvc.dependency.db
dvc.parsing dvc.parsing.context dvc.api dvc.data_cloud dvc.fs.dvc dvc.repo.open_repo dvc.repo.index dvc.repo.worktree
dvc.updater dvc.analytics dvc.ui dvc.ui._rich_progress dvc.compare dvc.utils.diff dvc.render dvc_s3 s3fs aiobotocore.session
botocore.session dvc_http dvc_data.index dvc_data.hashfile.db dvc_data.hashfile.state diskcache sqlite3 dulwich.porcelain
scmrepo.git scmrepo.git.backend.dulwich scmrepo.git.backend.gitpython rich.console rich.table tabulate networkx ruamel.yaml
tomlkit pygtrie shtab configobj
""".split()


def preload():
    modules = [module.name for module in pkgutil.walk_packages(dvc.commands.__path__, "dvc.commands.")]
    modules += [module.name for module in pkgutil.walk_packages(dvc.repo.__path__, "dvc.repo.")]
    for name in [*LATE, *modules]:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    # It would start a process that asks the network for a newer version.
    from dvc.updater import Updater

    Updater.check = lambda self: None


def say_versions_of_objects(arguments):
    """Prints what an S3 bucket has; see remote.rs."""
    import runpy

    sys.argv = ["-", *arguments[1:]]
    exec(compile(arguments[0], "script", "exec"), {"__name__": "__main__"})


def work(connection):
    """Runs one command as this process."""
    data, descriptors, _flags, _address = socket.recv_fds(connection, 1 << 20, 3)
    length = int(data[:8], 16)
    while len(data) < 8 + length:
        data += connection.recv(1 << 20)
    data, sections = data[8:], []
    while data:
        length = int(data[:8], 16)
        sections.append(data[8 : 8 + length].split(b"\0"))
        data = data[8 + length :]
    directory, environment, arguments = sections
    child = os.fork()
    if child:
        for descriptor in descriptors:
            os.close(descriptor)
        _child, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        connection.sendall(str(code if code >= 0 else 128 - code).encode())
        os._exit(0)
    connection.close()
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    code = 1
    try:
        os.chdir(directory[0])
        os.environ.clear()
        for pair in environment:
            name, _equals, value = pair.partition(b"=")
            os.environb[name] = value
        with contextlib.suppress(Exception):
            import pygit2
            from pygit2.enums import ConfigLevel

            pygit2.settings.search_path[ConfigLevel.GLOBAL] = os.environ.get("HOME", "")
        arguments = [os.fsdecode(argument) for argument in arguments] if arguments != [b""] else []
        if arguments[:1] == ["--script"]:
            say_versions_of_objects(arguments[1:])
            code = 0
        else:
            sys.argv = ["dvc", *arguments]
            code = dvc.cli.main(arguments)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:  # noqa: BLE001
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            threading._shutdown()
            atexit._run_exitfuncs()
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code or 0)


def main():
    preload()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(64)
    server = os.getpid()

    def until_input_closes():
        while os.read(0, 1):
            pass
        os.kill(server, signal.SIGKILL)

    # Started before any fork, and it takes no lock that a fork could inherit.
    threading.Thread(target=until_input_closes, daemon=True).start()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    while True:
        connection, _address = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            work(connection)
        connection.close()


main()
