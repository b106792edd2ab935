"""Answers cases of host building with botocore, for `cargo xtask parity`.

Reads one case a line (JSON, made by cases.py) and writes one answer a line: the URL of the first request for the object,
with the region and the service it is signed for, or why there is none. The request is caught before it is sent.
"""

import json, os, re, sys, traceback

import botocore.awsrequest, botocore.loaders, botocore.session

LOADER = botocore.loaders.create_loader()


class Caught(Exception):
    pass


def catch(request, **_):
    raise Caught(request)


def spelled(url):
    """The same URL as haul spells it: no default port, the host in lower case, and the newer one of two names."""
    scheme, rest = url.split("://", 1)
    host, slash, path = rest.partition("/")
    scheme, host = scheme.lower(), host.lower()
    host = host.removesuffix({"http": ":80", "https": ":443"}[scheme])
    host = re.sub(r"^(.*\.)?s3\.amazonaws\.com$", r"\1s3.us-east-1.amazonaws.com", host)
    return f"{scheme}://{host}{slash}{path}"


def answer(case):
    os.environ.clear()
    os.environ.update(case["env"])
    os.chdir(case["dir"])
    remote = case["remote"]
    try:
        session = botocore.session.Session()
        session.register_component("data_loader", LOADER)
        # As s3fs does it for DVC.
        client = session.create_client(
            "s3", region_name=remote.get("region"), endpoint_url=remote.get("endpointurl"),
            use_ssl=remote.get("use_ssl", "true") == "true",
        )
        client.meta.events.register("before-send.s3", catch)
        client.head_object(Bucket=case["bucket"], Key=case["key"])
    except Caught as caught:
        request = caught.args[0]
        signature = request.headers["Authorization"]
        signature = signature.decode() if isinstance(signature, bytes) else signature
        _, _, region, service, _ = re.search(r"Credential=([^,]+)", signature)[1].rsplit("/", 4)
        return {"url": spelled(request.url), "region": region, "service": service}
    except Exception as error:
        return {"refusal": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    try:
        told = answer(json.loads(line))
    except Exception:
        told = {"crash": traceback.format_exc()}
    print(json.dumps(told), flush=True)
