"""Answers cases of the credential chain with botocore, for `cargo xtask parity`.

Reads one case a line (JSON, made by cases.py) and writes one answer a line. The network is replaced: a request is
written down and answered from the case, so that what would be sent can be compared and nobody is reached. What the
answer holds is described in `tests/src/bin/credential-answers.rs`, which answers the same cases with haul.
"""

import base64, hashlib, io, json, os, re, sys, time, traceback
from urllib.parse import parse_qsl, quote, urlsplit

import botocore.awsrequest, botocore.credentials, botocore.exceptions, botocore.httpsession
import botocore.loaders, botocore.session, botocore.tokens, botocore.utils
from botocore.exceptions import ConfigParseError, EndpointConnectionError, ProfileNotFound
from botocore.exceptions import PartialCredentialsError

time.sleep = lambda seconds: None
LOADER = botocore.loaders.create_loader()
REPLIES, SENT = [], []


class Body(io.BytesIO):
    def stream(self, amt=None, decode_content=None):
        yield self.read()


def send(self, request):
    body = request.body or b""
    body = body if isinstance(body, bytes) else body.encode()
    # As urllib3 sends it; line breaks are lost before.
    url = quote(request.url.replace("\n", ""), safe="%:/?#[]@!$&'()*+,;=-._~")
    SENT.append(describe(request.method, url, request.headers, body.decode("utf-8")))
    line = f"{request.method} {url}"
    for reply in REPLIES:
        if line.startswith(reply["request"]) and all(part in body.decode() for part in reply["contains"]):
            if reply.get("times", 1) > 0:
                reply["times"] = reply.get("times", 1000) - 1
                content = Body(reply.get("body", "").encode())
                return botocore.awsrequest.AWSResponse(request.url, reply["status"], reply.get("headers", {}), content)
    raise EndpointConnectionError(endpoint_url=request.url)


botocore.httpsession.URLLib3Session.send = send


def describe(method, url, headers, body):
    text = lambda value: value.decode() if isinstance(value, bytes) else value
    headers = {name.lower(): text(value) for name, value in headers.items()}
    parts = urlsplit(url)
    told = {"method": method, "url": f"{parts.scheme}://{parts.netloc}{parts.path or '/'}"}
    told["query"] = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in ("x-aws-ec2-metadata-token", "x-amz-sso_bearer_token", "x-amz-security-token"):
        if name in headers:
            told[name] = headers[name]
    authorization = headers.get("authorization")
    if authorization and "Credential=" in authorization:
        key, _, region, service = authorization.split("Credential=")[1].split(", ")[0].rsplit("/", 4)[:4]
        authorization = f"{key} {region} {service}"
    if authorization:
        told["authorization"] = authorization
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(body, keep_blank_values=True))
        form["RoleSessionName"] = re.sub(r"^\w+-session-\d+$", "SESSION", form.get("RoleSessionName", ""))
        told["form"] = form
    elif body:
        told["json"] = json.loads(body)
    return told


def blame(cls):
    """Lets an error tell which source it came out of; the outermost counts."""
    original = cls.load

    def load(self):
        try:
            return original(self)
        except Exception as error:
            error.stopped_by = self.METHOD
            raise

    cls.load = load


for cls in list(vars(botocore.credentials).values()):
    if isinstance(cls, type) and issubclass(cls, botocore.credentials.CredentialProvider) and "load" in vars(cls):
        blame(cls)


def answer(case):
    os.environ.clear()
    os.environ.update(case["env"])
    os.chdir(case["dir"])
    # These were computed when the modules were loaded, for another home.
    cache = os.path.expanduser("~/.aws/sso/cache")
    botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR = cache
    botocore.tokens.SSOTokenProvider._SSO_TOKEN_CACHE_DIR = cache
    REPLIES[:], SENT[:] = case.get("replies", []), []
    remote = case.get("remote", {})
    # As dvc-s3 does it.
    for option, variable in (("credentialpath", "AWS_SHARED_CREDENTIALS_FILE"), ("configpath", "AWS_CONFIG_FILE")):
        if option in remote:
            os.environ.setdefault(variable, remote[option])
    told = {}
    session = None
    try:
        session = botocore.session.Session(profile=remote.get("profile"))
        session.register_component("data_loader", LOADER)
        # As the AWS CLI does it: sessions of roles are kept in files, a person is asked for MFA codes.
        if case.get("mfa_code"):
            provider = session.get_component("credential_provider").get_provider("assume-role")
            provider.cache = botocore.utils.JSONFileCache(os.path.expanduser("~/.aws/cli/cache"))
            provider._prompter = lambda prompt: case["mfa_code"]
        keys = {"aws_access_key_id": "access_key_id", "aws_secret_access_key": "secret_access_key"}
        keys["aws_session_token"] = "session_token"
        keys = {name: remote[option] for name, option in keys.items() if option in remote}
        client = session.create_client(
            "s3", region_name=remote.get("region"), endpoint_url=remote.get("endpointurl"), **keys
        )
        told["region"], told["endpoint"] = client.meta.region_name, client.meta.endpoint_url
        # Two names of one place, of which haul uses the newer.
        if told["endpoint"] == "https://s3.amazonaws.com":
            told["endpoint"] = "https://s3.us-east-1.amazonaws.com"
        credentials = client._request_signer._credentials
        if credentials is None:
            told["source"] = None
        else:
            told["source"] = credentials.method
            try:
                frozen = credentials.get_frozen_credentials()
            except Exception as error:
                error.stopped_by = getattr(error, "stopped_by", credentials.method)
                raise
            told["source"] = credentials.method
            text = "\n".join([frozen.access_key, frozen.secret_key, frozen.token or ""])
            told["fingerprint"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    except Exception as error:
        told = {"refusal": refusal(error)}
    told["requests"] = list(SENT)
    told["left"] = left_behind()
    return told


def refusal(error):
    by = getattr(error, "stopped_by", None)
    if by is None:
        by = {ProfileNotFound: "profile", ConfigParseError: "file"}.get(type(error))
    if by is None and isinstance(error, PartialCredentialsError):
        by = "explicit"
    # What a person has to be told, too.
    told = {"by": by, "message": f"{type(error).__name__}: {error}"}
    if isinstance(error, botocore.exceptions.ClientError):
        told["names"] = error.response["Error"]["Code"]
    elif isinstance(error, PartialCredentialsError):
        told["names"] = str(error).rsplit(" ", 1)[1]
    elif isinstance(error, botocore.exceptions.CredentialRetrievalError) and by == "custom-process":
        said = error.kwargs["error_msg"].strip()
        named = re.match(r"Missing required key in response: '(\w+)'|Unsupported (v)ersion", said)
        told["names"] = (named[1] or "Version") if named else said
    return told


def left_behind():
    left = {}
    for folder in (".aws/sso/cache", ".aws/cli/cache"):
        path = os.path.expanduser(f"~/{folder}")
        for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
            try:
                with open(os.path.join(path, name)) as file:
                    left[f"{folder}/{name}"] = json.load(file)
            except (OSError, ValueError):
                left[f"{folder}/{name}"] = None
    return left


for line in sys.stdin:
    case = json.loads(line)
    try:
        told = answer(case)
    except Exception:
        told = {"crash": traceback.format_exc()}
    print(json.dumps(told), flush=True)
