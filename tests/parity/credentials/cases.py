"""Makes cases of the credential chain, for `cargo xtask parity`: environments, AWS files, options of a remote, and
the replies of the services.

    cases.py SEED COUNT FOLDER

The first cases are written by hand, one for each rule; the others are put together at random from the same parts, COUNT
in all. Each gets a folder of its own below FOLDER/a (for botocore) and FOLDER/b (for haul), and a line in FOLDER/a.jsonl
and FOLDER/b.jsonl. `{dir}` in a case is that folder.

A case with `differs` is a deviation: why, and what each side says (the source and the region, or `refused`). The run
fails if the sides begin to agree, so that the list stays true.
"""

import hashlib, json, os, random, stat, sys

LATER, EARLIER = "2099-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
KEYS = "aws_access_key_id = AKIA{0}\naws_secret_access_key = secret-of-{0}\n"
CASES = []


def case(name, config=None, credentials=None, env=None, remote=None, replies=(), files=None, mfa=None, differs=None):
    files = dict(files or {})
    if config is not None:
        files["home/.aws/config"] = config
    if credentials is not None:
        files["home/.aws/credentials"] = credentials
    env = {"HOME": "{dir}/home", "AWS_EC2_METADATA_DISABLED": "true", "PATH": "/usr/bin:/bin", **(env or {})}
    env = {name: value for name, value in env.items() if value is not None}
    made = {"name": name, "files": files, "env": env, "remote": remote or {}, "replies": list(replies)}
    if mfa:
        made["mfa_code"] = mfa
    if differs:
        made["differs"] = dict(zip(("why", "botocore", "haul"), differs))
    CASES.append(made)


# --- parts

def env_keys(name="ENV", **more):
    return {"AWS_ACCESS_KEY_ID": f"AKIA{name}", "AWS_SECRET_ACCESS_KEY": f"secret-of-{name}", **more}


def assumed(action, name, contains="", end=LATER, url="https://sts."):
    body = (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><AssumedRoleUser>'
        f"<AssumedRoleId>AROA:s</AssumedRoleId><Arn>arn:aws:sts::123456789012:assumed-role/{name}/s</Arn>"
        f"</AssumedRoleUser><Credentials><AccessKeyId>ASIA{name}</AccessKeyId><SecretAccessKey>secret-of-{name}"
        f"</SecretAccessKey><SessionToken>token-of-{name}</SessionToken><Expiration>{end}</Expiration></Credentials>"
        f"</{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></{action}Response>"
    )
    return reply(f"POST {url}", body, contains=[f"Action={action}&", contains])


def sts_error(code, status=403, times=None):
    body = (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>as told</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
    return reply("POST https://sts.", body, status, **({"times": times} if times else {}))


def metadata(name, end=LATER, **more):
    keys = {"AccessKeyId": f"ASIA{name}", "SecretAccessKey": f"secret-of-{name}", "Token": f"token-of-{name}"}
    return json.dumps({**keys, "Expiration": end, **more})


def reply(request, body="", status=200, contains=(), **more):
    return {"request": request, "status": status, "body": body, "contains": list(contains), **more}


def role(name, source="", **more):
    lines = [f"role_arn = arn:aws:iam::123456789012:role/{name}", source]
    lines += [f"{key} = {value}" for key, value in more.items()]
    return "".join(line + "\n" for line in lines if line)


SSO_KEYS = {"accessKeyId": "ASIASSO", "secretAccessKey": "secret-of-SSO", "sessionToken": "token-of-SSO"}
SSO_REPLY = json.dumps({"roleCredentials": {**SSO_KEYS, "expiration": 4070908800000}})
SSO = "sso_account_id = 123456789012\nsso_role_name = reader\n"
SSO_LEGACY = SSO + "sso_start_url = https://corp.example/start\nsso_region = eu-west-1\n"
SSO_SESSION = "[sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = eu-west-1\n"
PORTAL = "GET https://portal.sso.eu-west-1.amazonaws.com/federation/credentials"
OIDC = "POST https://oidc.eu-west-1.amazonaws.com/token"


def token_file(name, **content):
    path = f"home/.aws/sso/cache/{hashlib.sha1(name.encode()).hexdigest()}.json"
    return {path: json.dumps({"accessToken": "SSO-TOKEN", "expiresAt": LATER, **content})}


REGISTRATION = {"clientId": "C", "clientSecret": "S", "refreshToken": "R", "registrationExpiresAt": LATER}
IMDS = "http://169.254.169.254/latest/"
ROLES = "meta-data/iam/security-credentials/"


def imds(base=IMDS, keys=None):
    return [
        reply(f"PUT {base}api/token", "IMDS-TOKEN"),
        reply(f"GET {base}{ROLES}a-role", keys or metadata("EC2")),
        reply(f"GET {base}{ROLES}", "a-role"),
    ]


def process(output, status=0, error=""):
    """A program that prints, and the key that names it."""
    script = f"cat <<'END'\n{output}\nEND\n" + (f"echo '{error}' >&2\n" if error else "") + f"exit {status}\n"
    return {"keys.sh": script}, "credential_process = /bin/sh '{dir}/keys.sh'\n"


PROCESS = json.dumps({"Version": 1, "AccessKeyId": "ASIAPROC", "SecretAccessKey": "secret-of-PROC"})


# --- by hand

def environment():
    case("nothing at all")
    case("env", env=env_keys())
    case("env with token", env=env_keys(AWS_SESSION_TOKEN="token"))
    case("env with both tokens", env=env_keys(AWS_SESSION_TOKEN="new", AWS_SECURITY_TOKEN="old"))
    case("env with an empty older token", env=env_keys(AWS_SESSION_TOKEN="new", AWS_SECURITY_TOKEN=""))
    case("env with unicode secret", env=env_keys("Ü"))
    case("env without secret", env={"AWS_ACCESS_KEY_ID": "AKIAHALF"}, credentials="[default]\n" + KEYS.format("F"))
    case("env with empty secret", env={"AWS_ACCESS_KEY_ID": "AKIAHALF", "AWS_SECRET_ACCESS_KEY": ""})
    case("env without id", env={"AWS_SECRET_ACCESS_KEY": "s"}, credentials="[default]\n" + KEYS.format("F"))
    case("env with empty id", env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "s"})
    case("env that lasts", env=env_keys(AWS_CREDENTIAL_EXPIRATION=LATER))
    case("env that is over", env=env_keys(AWS_CREDENTIAL_EXPIRATION=EARLIER))
    case("env with an end that is no time", env=env_keys(AWS_CREDENTIAL_EXPIRATION="soon"))
    case("env before profile variable", env=env_keys(AWS_PROFILE="a"), config="[profile a]\n" + KEYS.format("A"))
    case("env but profile variable unknown", env=env_keys(AWS_PROFILE="no"), config="[profile a]\n")
    case("profile option takes env out", env=env_keys(), remote={"profile": "a"}, config="[profile a]\nregion = x-1\n")
    case("profile option", env=env_keys(), remote={"profile": "a"}, config="[profile a]\n" + KEYS.format("A"))
    case("profile option default", env=env_keys(), remote={"profile": "default"}, credentials="[default]\n" + KEYS.format("D"))
    case("profile option unknown", env=env_keys(), remote={"profile": "b"}, config="[profile a]\n" + KEYS.format("A"))
    case("explicit", env=env_keys(), remote={"access_key_id": "AKIAX", "secret_access_key": "x"})
    case("explicit with token", remote={"access_key_id": "AKIAX", "secret_access_key": "x", "session_token": "t"})
    case("explicit over profile", remote={"access_key_id": "AKIAX", "secret_access_key": "x", "profile": "a"}, config="[profile a]\n" + KEYS.format("A"))
    # A remote with half a pair never gets here: its configuration is refused when it is read.
    files = {"home/.aws/config": "[default]\n" + KEYS.format("D"), "other/config": "[default]\n" + KEYS.format("O")}
    case("config file variable", files=files, env={"AWS_CONFIG_FILE": "{dir}/other/config"})
    case("config file variable with tilde", files={**files, "home/c": "[default]\n" + KEYS.format("T")}, env={"AWS_CONFIG_FILE": "~/c"})
    case("config file variable with a variable", files=files, env={"AWS_CONFIG_FILE": "$WHERE/config", "WHERE": "{dir}/other"})
    case("config file variable with braces", files=files, env={"AWS_CONFIG_FILE": "${WHERE}/config", "WHERE": "{dir}/other"})
    case("config file variable with an empty variable", files=files, env={"AWS_CONFIG_FILE": "{dir}/other$NONE/config", "NONE": ""})
    case("config file variable relative", files=files, env={"AWS_CONFIG_FILE": "other/config"})
    case("config file variable to nowhere", files=files, env={"AWS_CONFIG_FILE": "{dir}/none"})
    case("config file variable to a folder", files=files, env={"AWS_CONFIG_FILE": "{dir}/other"})
    case("configpath", files=files, remote={"configpath": "{dir}/other/config"})
    case("config file variable over configpath", files=files, remote={"configpath": "{dir}/other/config"}, env={"AWS_CONFIG_FILE": "{dir}/home/.aws/config"})
    files = {"home/.aws/credentials": "[default]\n" + KEYS.format("D"), "other/keys": "[default]\n" + KEYS.format("O")}
    case("credentials file variable", files=files, env={"AWS_SHARED_CREDENTIALS_FILE": "{dir}/other/keys"})
    case("credentials file variable with tilde", files=files, env={"AWS_SHARED_CREDENTIALS_FILE": "~/../other/keys"})
    case("credentialpath", files=files, remote={"credentialpath": "{dir}/other/keys"})
    case("credentials file variable over credentialpath", files=files, remote={"credentialpath": "{dir}/other/keys"}, env={"AWS_SHARED_CREDENTIALS_FILE": "{dir}/home/.aws/credentials"})
    both = "[profile a]\n" + KEYS.format("A") + "[profile b]\n" + KEYS.format("B")
    case("older credential file", files={"old": "AWSAccessKeyId=A\nAWSSecretKey=s\n"}, env={"AWS_CREDENTIAL_FILE": "{dir}/old"}, differs=("files of older tools are not read", "ec2-credentials-file@us-east-1", "none"))
    case("profile variable", config=both, env={"AWS_PROFILE": "a"})
    case("older profile variable wins", config=both, env={"AWS_PROFILE": "a", "AWS_DEFAULT_PROFILE": "b"})
    case("profile variable unknown", config=both, env={"AWS_PROFILE": "c"})
    case("profile variable says default and there is none", config=both, env={"AWS_PROFILE": "default"})
    case("profile variable without files", env={"AWS_PROFILE": "a"})
    empty = ("a variable that is set to nothing is not set", "refused", "config-file@us-east-1")
    case("profile variable empty", config="[default]\n" + KEYS.format("D"), env={"AWS_PROFILE": ""}, differs=empty)


def files():
    case("credentials file", credentials="[default]\n" + KEYS.format("D"))
    case("config file", config="[default]\n" + KEYS.format("D"))
    case("credentials file over config file", credentials="[default]\n" + KEYS.format("S"), config="[default]\n" + KEYS.format("C"))
    case("session tokens", credentials="[default]\n" + KEYS.format("D") + "aws_session_token = t\n")
    case("both session tokens", credentials="[default]\n" + KEYS.format("D") + "aws_session_token = t\naws_security_token = u\n")
    case("empty session token", credentials="[default]\n" + KEYS.format("D") + "aws_session_token =\n")
    case("half in credentials file", credentials="[default]\naws_access_key_id = A\n", config="[default]\n" + KEYS.format("C"))
    case("half in config file", config="[default]\naws_access_key_id = A\n")
    case("secret alone", credentials="[default]\naws_secret_access_key = s\n", config="[default]\n" + KEYS.format("C"))
    case("halves in two files", credentials="[default]\naws_secret_access_key = s\n", config="[default]\naws_access_key_id = A\n")
    empty = ("a key set to nothing is an error", "shared-credentials-file@us-east-1", "refused")
    case("empty id", credentials="[default]\naws_access_key_id =\naws_secret_access_key = s\n", differs=empty)
    case("empty secret", credentials="[default]\naws_access_key_id = A\naws_secret_access_key =\n", differs=empty)
    case("quotes stay", credentials='[default]\naws_access_key_id = "A"\naws_secret_access_key = \'s\'\n')
    case("comment behind a value stays", credentials="[default]\naws_access_key_id = AKIA ; c\naws_secret_access_key = s # c\n")
    case("comments", config="# c\n[default]\n; c\n  # c\n" + KEYS.format("D") + "\n\n;\n")
    case("colons", config="[default]\naws_access_key_id: A\naws_secret_access_key:s=t:u\n")
    case("no blanks", config="[default]\naws_access_key_id=A\naws_secret_access_key=s\n")
    case("tabs", config="[default]\n\taws_access_key_id\t=\tA\n\taws_secret_access_key\t=\ts\n")
    case("indented keys", config="[default]\n  aws_access_key_id = A\n  aws_secret_access_key = s\n")
    case("deeper key continues the value", config="[default]\naws_access_key_id = A\n  aws_secret_access_key = s\n")
    case("shallower key", config="[default]\n    aws_access_key_id = A\n  aws_secret_access_key = s\n")
    case("upper case keys", config="[default]\nAWS_ACCESS_KEY_ID = A\nAws_Secret_Access_Key = s\n")
    case("carriage returns", config=("[default]\n" + KEYS.format("D")).replace("\n", "\r\n"))
    case("old carriage returns", config=("[default]\n" + KEYS.format("D")).replace("\n", "\r"))
    case("no newline at the end", config="[default]\n" + KEYS.format("D").rstrip())
    case("byte order mark", config="\ufeff[default]\n" + KEYS.format("D"))
    case("byte order mark in credentials", credentials="\ufeff[default]\n" + KEYS.format("D"))
    case("not utf-8", files={"home/.aws/config": {"latin1": "[default]\nx = \xff\n"}})
    case("section twice", config="[default]\n" + KEYS.format("A") + "[default]\n" + KEYS.format("B"))
    case("key twice", config="[default]\n" + KEYS.format("A") + "AWS_access_key_id = B\n")
    case("same profile spelled twice", config="[profile a]\n" + KEYS.format("A") + "[profile 'a']\n" + KEYS.format("B"), env={"AWS_PROFILE": "a"})
    case("default spelled twice", config="[default]\n" + KEYS.format("A") + "[profile default]\n" + KEYS.format("B"))
    case("profile default first", config="[profile default]\n" + KEYS.format("A") + "[default]\n" + KEYS.format("B"))
    case("DEFAULT applies to all", config="[DEFAULT]\n" + KEYS.format("D") + "[profile a]\nregion = eu-west-1\n", env={"AWS_PROFILE": "a"})
    case("Default is another one", config="[Default]\n" + KEYS.format("D"))
    for number, header in enumerate(["[profile a]", "[profile  a]", "[profile\ta]", '[profile "a"]', "[profile 'a']", "[profile a ]", "[profile a] # c", "[profile a]]"]):
        case(f"header {number}", config=header + "\n" + KEYS.format("A"), env={"AWS_PROFILE": "a"})
    for number, header in enumerate(["[a]", "[ profile a]", "[profile a b]", "[profilea]", "[profile]", "[Profile a]", "[profile 'a]", "[profile a\\]", "[]", "[profile a"]):
        case(f"no header of a profile {number}", config=header + "\n" + KEYS.format("A"), env={"AWS_PROFILE": "a"})
    case("profile with a blank", config='[profile "a b"]\n' + KEYS.format("A"), env={"AWS_PROFILE": "a b"})
    case("profile with unicode", config="[profile münchen]\n" + KEYS.format("Ü"), env={"AWS_PROFILE": "münchen"})
    case("bare header in credentials", credentials="[a]\n" + KEYS.format("A"), env={"AWS_PROFILE": "a"})
    case("profile header in credentials", credentials="[profile a]\n" + KEYS.format("A"), env={"AWS_PROFILE": "a"})
    case("profile header in credentials by its whole name", credentials="[profile a]\n" + KEYS.format("A"), env={"AWS_PROFILE": "profile a"})
    case("key before a section", config="a = 1\n[default]\n" + KEYS.format("A"))
    case("line that is nothing", config="[default]\n" + KEYS.format("A") + "nonsense\n")
    case("line without a key", config="[default]\n= 1\n")
    case("broken config beside env", config="nonsense\n", env=env_keys())
    case("broken credentials beside env", credentials="nonsense\n", env=env_keys())
    case("block that is none", config="[default]\ns3 =\n  nonsense\n", env=env_keys())
    case("block", config="[default]\n" + KEYS.format("A") + "s3 =\n  addressing_style = path\n  # c\n\n  x=y=z\nregion = eu-west-1\n")
    case("empty file", config="", credentials="")


def regions():
    keys = "[default]\n" + KEYS.format("D")
    case("region of profile", config=keys + "region = eu-west-1\n")
    case("region of credentials file", credentials=keys + "region = eu-west-2\n", config="[default]\nregion = eu-west-1\n")
    case("region of variable", config=keys + "region = eu-west-1\n", env={"AWS_DEFAULT_REGION": "eu-west-3"})
    case("region of option", config=keys + "region = eu-west-1\n", env={"AWS_DEFAULT_REGION": "eu-west-3"}, remote={"region": "ap-south-1"})
    case("region of the other variable", config=keys, env={"AWS_REGION": "eu-west-3"}, differs=("AWS_REGION counts where botocore has no region", "config-file@us-east-1", "config-file@eu-west-3"))
    case("region of profile over the other variable", config=keys + "region = eu-west-1\n", env={"AWS_REGION": "eu-west-3"})
    for region in ["us-east-1", "us-west-2", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eusc-de-east-1", "mx-central-1"]:
        case(f"region {region}", env=env_keys(AWS_DEFAULT_REGION=region))
    services = "services = mine\n[services mine]\ns3 =\n  endpoint_url = http://127.0.0.1:1\n"
    case("endpoint of services", config=keys + services)
    case("endpoint of services missing", config=keys + "services = mine\n")
    case("endpoint of services empty", config=keys + "services = mine\n[services mine]\n")
    case("endpoint of another service", config=keys + "endpoint_url = http://127.0.0.1:2\n" + services.replace("s3 =", "dynamodb ="))
    case("endpoint of profile", config=keys + "endpoint_url = http://127.0.0.1:2\n")
    case("endpoint of services over profile", config=keys + "endpoint_url = http://127.0.0.1:2\n" + services)
    case("endpoint of variable over services", config=keys + services, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:3"})
    case("endpoint of service variable", config=keys, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:3", "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:4"})
    case("endpoint of option", config=keys, env={"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:4"}, remote={"endpointurl": "http://127.0.0.1:5"})
    case("endpoint ignored by variable", config=keys, env={"AWS_ENDPOINT_URL": "http://127.0.0.1:3", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"})
    case("endpoint ignored by profile", config=keys + "ignore_configured_endpoint_urls = true\nendpoint_url = http://127.0.0.1:2\n")
    case("endpoint ignored but option counts", config=keys, env={"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, remote={"endpointurl": "http://127.0.0.1:5"})
    case("dual stack", config=keys + "region = eu-west-1\nuse_dualstack_endpoint = true\n")
    case("fips", config=keys + "region = us-west-2\n", env={"AWS_USE_FIPS_ENDPOINT": "true"})
    for word in ["yes", "1"]:
        # botocore takes everything but `true` for false.
        case(f"switch that is {word}", config=keys, env={"AWS_USE_FIPS_ENDPOINT": word}, differs=("a switch is `true` or `false`", "config-file@us-east-1", "refused"))


def roles():
    a = "[profile a]\n" + role("a", "source_profile = b")
    b = "[profile b]\n" + KEYS.format("B")
    env, ok = {"AWS_PROFILE": "a"}, [assumed("AssumeRole", "A")]
    case("role", config=a + b, env=env, replies=ok)
    case("role with source in credentials file", config=a, credentials="[b]\n" + KEYS.format("B"), env=env, replies=ok)
    case("role of credentials file", credentials=(a + b).replace("profile ", ""), env=env, replies=ok)
    case("role of default", config=a.replace("profile a", "default") + b, replies=ok)
    case("role by option", config=a + b, env=env_keys(), remote={"profile": "a"}, replies=ok)
    case("role with region", config=a + "region = eu-west-1\n" + b, env=env, replies=ok)
    case("role with region of source only", config=a + b + "region = eu-west-1\n", env=env, replies=ok)
    case("role with region option", config=a + b, env=env, remote={"region": "ap-south-1"}, replies=ok)
    for region in ["cn-north-1", "us-gov-west-1", "us-iso-east-1", "eusc-de-east-1", "us-east-1"]:
        case(f"role in {region}", config=a + b, env={**env, "AWS_DEFAULT_REGION": region}, replies=ok)
    case("role with fips", config=a + "region = us-east-2\n" + b, env={**env, "AWS_USE_FIPS_ENDPOINT": "true"}, replies=[assumed("AssumeRole", "A", url="https://sts")])
    case("role with fips in gov", config=a + "region = us-gov-west-1\n" + b, env={**env, "AWS_USE_FIPS_ENDPOINT": "true"}, replies=ok)
    case("role with dual stack", config=a + "region = us-east-2\nuse_dualstack_endpoint = true\n" + b, env=env, replies=ok)
    case("role with legacy endpoint", config=a + "region = us-east-2\n" + b, env={**env, "AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, replies=ok)
    case("role with legacy endpoint in a new region", config=a + "region = af-south-1\nsts_regional_endpoints = legacy\n" + b, env=env, replies=ok)
    case("role with regional endpoint", config=a + "region = us-east-2\nsts_regional_endpoints = regional\n" + b, env=env, replies=ok)
    case("role with wrong kind of endpoint", config=a + b, env={**env, "AWS_STS_REGIONAL_ENDPOINTS": "global"}, replies=ok)
    case("role with all options", config=a + "external_id = e x\nrole_session_name = me@here\nduration_seconds = 900\n" + b, env=env, replies=ok)
    case("role with unicode", config=a + "external_id = größe\n" + b, env=env, replies=ok)
    word = ("a duration that is no number is an error", "assume-role@us-east-1", "refused")
    case("role with a duration that is no number", config=a + "duration_seconds = long\n" + b, env=env, replies=ok, differs=word)
    sts = assumed("AssumeRole", "A", url="http://127.0.0.1:9/")
    case("role with endpoint and no region", config=a + b, env={**env, "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"}, replies=[sts], differs=("a server that is not AWS has no regions", "refused", "assume-role@us-east-1"))
    env = {**env, "AWS_DEFAULT_REGION": "us-west-2"}
    case("role with endpoint variable", config=a + b, env={**env, "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"}, replies=[assumed("AssumeRole", "A", url="http://127.0.0.1:9/")])
    case("role with endpoint for all", config=a + "endpoint_url = http://127.0.0.1:9\n" + b, env=env, replies=[assumed("AssumeRole", "A", url="http://127.0.0.1:9/")])
    case("role with endpoint of services", config=a + "services = s\n" + b + "[services s]\nsts =\n  endpoint_url = http://127.0.0.1:9/path\n", env=env, replies=[assumed("AssumeRole", "A", url="http://127.0.0.1:9/")])
    case("role with endpoint of services and a slash", config=a + "services = s\n" + b + "[services s]\nsts =\n  endpoint_url = http://127.0.0.1:9/path/\n", env=env, replies=[assumed("AssumeRole", "A", url="http://127.0.0.1:9/")])
    env = {"AWS_PROFILE": "a"}
    empty = ("a key that is set to nothing is not set", "refused", "assume-role@us-east-1")
    case("role with empty external id", config=a + "external_id =\n" + b, env=env, replies=ok, differs=empty)
    case("role with empty session name", config=a + "role_session_name =\n" + b, env=env, replies=ok)
    case("role with token of source", config=a + b + "aws_session_token = t\n", env=env, replies=ok)
    c = "[profile c]\n" + KEYS.format("C")
    chain = a + "[profile b]\n" + role("b", "source_profile = c") + c
    replies = [assumed("AssumeRole", "A", "role%2Fa"), assumed("AssumeRole", "B", "role%2Fb")]
    case("chain of roles", config=chain, env=env, replies=replies)
    case("chain of three roles", config=chain.replace("[profile c]\n" + KEYS.format("C"), "[profile c]\n" + role("c", "source_profile = d") + "[profile d]\n" + KEYS.format("D")), env=env, replies=replies + [assumed("AssumeRole", "C", "role%2Fc")])
    case("chain whose first role is refused", config=chain, env=env, replies=[sts_error("AccessDenied")])
    case("source with role and keys", config=a + "[profile b]\n" + role("b", "source_profile = c") + KEYS.format("B") + c, env=env, replies=replies)
    case("source with role and half of the keys", config=a + "[profile b]\n" + role("b", "source_profile = c") + "aws_access_key_id = A\n" + c, env=env, replies=replies)
    case("role of its own keys", config="[profile a]\n" + role("a", "source_profile = a") + KEYS.format("A"), env=env, replies=ok)
    case("role of itself", config="[profile a]\n" + role("a", "source_profile = a"), env=env, replies=ok)
    case("circle of two", config=a + "[profile b]\n" + role("b", "source_profile = a"), env=env, replies=ok)
    case("circle of two with keys", config=a + KEYS.format("A") + "[profile b]\n" + role("b", "source_profile = a"), env=env, replies=replies)
    case("circle of three", config=a + "[profile b]\n" + role("b", "source_profile = c") + "[profile c]\n" + role("c", "source_profile = b"), env=env, replies=ok)
    case("source that is not there", config=a, env=env, replies=ok)
    case("source without credentials", config=a + "[profile b]\nregion = x\n", env=env, replies=ok)
    case("source with half", config=a + "[profile b]\naws_access_key_id = A\n", env=env, replies=ok)
    case("role without source", config="[profile a]\n" + role("a") + KEYS.format("A"), env=env, replies=ok)
    case("role with two sources", config=a + "credential_source = Environment\n" + b, env={**env, **env_keys()}, remote={"profile": "a"}, replies=ok)
    case("role of another profile does not matter", config="[profile a]\n" + role("a") + "[default]\n" + KEYS.format("D"))
    case("role hides keys of its profile", config=a + KEYS.format("A") + b, env=env, replies=ok)
    for code, status in [("AccessDenied", 403), ("InvalidClientTokenId", 403), ("ExpiredToken", 400), ("RegionDisabledException", 403), ("ValidationError", 400)]:
        case(f"role refused with {code}", config=a + b, env=env, replies=[sts_error(code, status)])
    case("role after throttling", config=a + b, env=env, replies=[sts_error("Throttling", 400, times=1)] + ok)
    case("role with a server error", config=a + b, env=env, replies=[sts_error("InternalFailure", 500, times=1)] + ok)
    case("role with a reply that is none", config=a + b, env=env, replies=[reply("POST https://sts.", "nonsense")])
    case("role and nobody answers", config=a + b, env=env)
    case("role that is over at once", config=a + b, env=env, replies=[assumed("AssumeRole", "A", end=EARLIER)])
    named = "[profile a]\n" + role("a", "credential_source = {}")
    by_option = {"profile": "a"}
    case("source is the environment", config=named.format("Environment"), env=env_keys(), remote=by_option, replies=ok)
    case("source is an empty environment", config=named.format("Environment"), remote=by_option, replies=ok)
    case("source is half an environment", config=named.format("Environment"), env={"AWS_ACCESS_KEY_ID": "A"}, remote=by_option, replies=ok)
    case("source is a container", config=named.format("EcsContainer"), env={"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}, remote=by_option, replies=ok + [reply("GET http://169.254.170.2/x", metadata("ECS"))])
    case("source is no container", config=named.format("EcsContainer"), remote=by_option, replies=ok)
    case("source is the instance", config=named.format("Ec2InstanceMetadata"), env={"AWS_EC2_METADATA_DISABLED": None}, remote=by_option, replies=ok + imds())
    case("source is a disabled instance", config=named.format("Ec2InstanceMetadata"), remote=by_option, replies=ok)
    case("source is unknown", config=named.format("Mars"), remote=by_option, replies=ok)
    case("source is written in lower case", config=named.format("environment"), env=env_keys(), remote=by_option, replies=ok)
    case("source is empty", config=named.format(""), env=env_keys(), remote=by_option, replies=ok)
    more, key = process(PROCESS)
    case("source is a process", config=a + "[profile b]\n" + key, files=more, env=env, replies=ok)
    more, key = process("", 3, "no luck")
    case("source is a broken process", config=a + "[profile b]\n" + key, files=more, env=env, replies=ok)
    case("source is SSO", config=a + "[profile b]\nsso_session = corp\n" + SSO + SSO_SESSION, files=token_file("corp"), env=env, replies=ok + [reply(PORTAL, SSO_REPLY)])
    case("source is SSO that is over", config=a + "[profile b]\n" + SSO_LEGACY, files=token_file("https://corp.example/start", expiresAt=EARLIER), env=env, replies=ok)
    web = "[profile b]\nweb_identity_token_file = {dir}/jwt\n" + role("w")
    case("source is a web identity", config=a + web, files={"jwt": "JWT.x"}, env=env, replies=ok + [assumed("AssumeRoleWithWebIdentity", "W")])
    case("source ignores the environment's web identity", config=a + "[profile b]\nregion = x\n", files={"jwt": "JWT.x"}, env={**env, "AWS_WEB_IDENTITY_TOKEN_FILE": "{dir}/jwt", "AWS_ROLE_ARN": "arn:aws:iam::1:role/e"}, replies=ok)


def mfa():
    a = "[profile a]\n" + role("a", "source_profile = b", mfa_serial="arn:aws:iam::123456789012:mfa/me")
    b = "[profile b]\n" + KEYS.format("B")
    env, ok = {"AWS_PROFILE": "a"}, [assumed("AssumeRole", "A")]
    case("mfa", config=a + b, env=env, replies=ok, mfa="123456")
    case("mfa with all options", config=a + 'external_id = e "x"\\y\nrole_session_name = me@here\nduration_seconds = 3600\n' + b, env=env, replies=ok, mfa="123456")
    case("mfa with unicode", config=a.replace("mfa/me", "mfa/größe-🔑") + b, env=env, replies=ok, mfa="123456")
    case("mfa refused", config=a + b, env=env, replies=[sts_error("AccessDenied")], mfa="000000")
    chain = "[profile z]\n" + role("z", "source_profile = a") + a + b
    case("mfa in the middle of a chain", config=chain, env={"AWS_PROFILE": "z"}, replies=[assumed("AssumeRole", "Z", "role%2Fz")] + ok, mfa="123456")


def web_identity():
    env = {"AWS_WEB_IDENTITY_TOKEN_FILE": "{dir}/jwt", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/w"}
    ok, jwt = [assumed("AssumeRoleWithWebIdentity", "W")], {"jwt": "JWT.x+y/z=="}
    case("web identity", env=env, files=jwt, replies=ok)
    case("web identity with session name", env={**env, "AWS_ROLE_SESSION_NAME": "me"}, files=jwt, replies=ok)
    case("web identity with empty session name", env={**env, "AWS_ROLE_SESSION_NAME": ""}, files=jwt, replies=ok)
    case("web identity behind env", env={**env, **env_keys()}, files=jwt, replies=ok)
    case("web identity with region", env={**env, "AWS_DEFAULT_REGION": "eu-west-1"}, files=jwt, replies=ok)
    case("web identity before files", env=env, files=jwt, credentials="[default]\n" + KEYS.format("D"), replies=ok)
    case("web identity of a token with a newline", env=env, files={"jwt": "JWT.x\n"}, replies=ok, differs=("the line break is not sent", "assume-role-with-web-identity@us-east-1", "assume-role-with-web-identity@us-east-1"))
    case("web identity without token", env=env, replies=ok)
    case("web identity without role", env={**env, "AWS_ROLE_ARN": None}, files=jwt, replies=ok)
    case("web identity with empty role", env={**env, "AWS_ROLE_ARN": ""}, files=jwt, replies=ok)
    case("web identity refused", env=env, files=jwt, replies=[sts_error("InvalidIdentityToken", 400)])
    case("web identity of an expired token", env=env, files=jwt, replies=[sts_error("ExpiredTokenException", 400)])
    profile = "[profile a]\nweb_identity_token_file = {dir}/jwt\n" + role("p")
    case("web identity of profile", config=profile, env={"AWS_PROFILE": "a"}, files=jwt, replies=ok)
    case("web identity of profile by option", config=profile, env=env, remote={"profile": "a"}, files=jwt, replies=ok)
    case("web identity of profile with session name", config=profile + "role_session_name = me\n", env={"AWS_PROFILE": "a"}, files=jwt, replies=ok)
    case("web identity of profile without role", config="[profile a]\nweb_identity_token_file = {dir}/jwt\n", env={"AWS_PROFILE": "a"}, files=jwt, replies=ok)
    case("web identity of env and role of profile", config="[default]\n" + role("p", "source_profile = b") + "[profile b]\n" + KEYS.format("B"), env={"AWS_WEB_IDENTITY_TOKEN_FILE": "{dir}/jwt"}, files=jwt, replies=ok + [assumed("AssumeRole", "A")])
    case("web identity of env hides that of profile", config=profile.replace("profile a", "default"), env={**env, "AWS_WEB_IDENTITY_TOKEN_FILE": ""}, files=jwt, replies=ok)
    case("option takes web identity of env out", config="[profile a]\n" + KEYS.format("A"), env=env, remote={"profile": "a"}, files=jwt, replies=ok)


def sso():
    url = "https://corp.example/start"
    env, ok = {"AWS_PROFILE": "a"}, [reply(PORTAL, SSO_REPLY)]
    legacy, modern = "[profile a]\n" + SSO_LEGACY, "[profile a]\nsso_session = corp\n" + SSO + SSO_SESSION
    case("sso legacy", config=legacy, files=token_file(url), env=env, replies=ok)
    case("sso legacy with old time", config=legacy, files=token_file(url, expiresAt="2099-01-01T00:00:00UTC"), env=env, replies=ok)
    case("sso legacy is not renewed", config=legacy, files=token_file(url, expiresAt=EARLIER, **REGISTRATION), env=env, replies=ok)
    case("sso legacy without token", config=legacy, env=env, replies=ok)
    case("sso legacy with half a token", config=legacy, files={k: '{"accessToken": "T"}' for k in token_file(url)}, env=env, replies=ok)
    case("sso legacy with garbage", config=legacy, files={k: "garbage" for k in token_file(url)}, env=env, replies=ok)
    case("sso session", config=modern, files=token_file("corp"), env=env, replies=ok)
    case("sso session with unicode name", config=modern.replace("corp\n", "größe\n").replace("corp]", "größe]"), files=token_file("größe"), env=env, replies=ok)
    case("sso session quoted", config=modern.replace("[sso-session corp]", "[sso-session 'corp']"), files=token_file("corp"), env=env, replies=ok)
    case("sso session that is over", config=modern, files=token_file("corp", expiresAt=EARLIER), env=env, replies=ok)
    new = json.dumps({"accessToken": "NEW", "expiresIn": 28800, "refreshToken": "R2", "tokenType": "Bearer"})
    over = token_file("corp", expiresAt=EARLIER, startUrl=url, region="eu-west-1", **REGISTRATION)
    case("sso session is renewed", config=modern, files=over, env=env, replies=ok + [reply(OIDC, new)])
    case("sso session is renewed without a new refresh token", config=modern, files=over, env=env, replies=ok + [reply(OIDC, '{"accessToken": "NEW", "expiresIn": 28800}')])
    case("sso session cannot be renewed", config=modern, files=over, env=env, replies=ok + [reply(OIDC, '{"error": "invalid_grant", "error_description": "x"}', 400)])
    case("sso registration is over", config=modern, files=token_file("corp", **{**REGISTRATION, "expiresAt": EARLIER, "registrationExpiresAt": EARLIER}), env=env, replies=ok)
    case("sso session unknown", config="[profile a]\nsso_session = other\n" + SSO + SSO_SESSION, files=token_file("corp"), env=env, replies=ok)
    case("sso session contradicted", config="[profile a]\nsso_session = corp\nsso_region = us-west-2\n" + SSO + SSO_SESSION, files=token_file("corp"), env=env, replies=ok)
    case("sso session repeated", config="[profile a]\nsso_session = corp\nsso_region = eu-west-1\n" + SSO + SSO_SESSION, files=token_file("corp"), env=env, replies=ok)
    case("sso session without region", config=modern.replace("sso_region = eu-west-1\n", ""), files=token_file("corp"), env=env, replies=ok)
    case("sso session without region, profile has it", config="[profile a]\nsso_session = corp\nsso_region = eu-west-1\n" + SSO + "[sso-session corp]\nsso_start_url = https://corp.example/start\n", files=token_file("corp"), env=env, replies=ok)
    case("sso without role", config=legacy.replace("sso_role_name = reader\n", ""), files=token_file(url), env=env, replies=ok)
    case("sso without account", config=legacy.replace("sso_account_id = 123456789012\n", ""), files=token_file(url), env=env, replies=ok)
    case("sso without start url", config=legacy.replace("sso_start_url = https://corp.example/start\n", ""), env=env, replies=ok)
    case("sso with neither role nor account", config="[profile a]\nsso_session = corp\n" + KEYS.format("A") + SSO_SESSION, env=env, replies=ok)
    case("sso session unknown and not used", config="[profile a]\nsso_session = other\n" + KEYS.format("A"), env=env, differs=("a session that is not used is not looked at", "refused", "config-file@us-east-1"))
    case("sso before keys", config=legacy + KEYS.format("A"), files=token_file(url), env=env, replies=ok)
    case("sso behind role", config=legacy + role("r", "source_profile = b") + "[profile b]\n" + KEYS.format("B"), files=token_file(url), env=env, replies=ok + [assumed("AssumeRole", "R")])
    case("sso unauthorized", config=legacy, files=token_file(url), env=env, replies=[reply(PORTAL, '{"message": "no"}', 401, headers={"x-amzn-errortype": "UnauthorizedException"})])
    case("sso forbidden", config=legacy, files=token_file(url), env=env, replies=[reply(PORTAL, '{"message": "no access"}', 403)])
    case("sso with odd role", config=legacy.replace("reader", "a b/c+d&e"), files=token_file(url), env=env, replies=ok)
    case("sso endpoint", config=modern, files=token_file("corp"), env={**env, "AWS_ENDPOINT_URL_SSO": "http://127.0.0.1:7"}, replies=[reply("GET http://127.0.0.1:7/federation/credentials", SSO_REPLY)])
    case("sso-oidc endpoint", config=modern, files=over, env={**env, "AWS_ENDPOINT_URL_SSO_OIDC": "http://127.0.0.1:7"}, replies=ok + [reply("POST http://127.0.0.1:7/token", new)])
    case("sso endpoints of services", config=modern.replace("[profile a]\n", "[profile a]\nservices = s\n") + "[services s]\nsso =\n  endpoint_url = http://127.0.0.1:7\nsso_oidc =\n  endpoint_url = http://127.0.0.1:8/x\n", files=over, env=env, replies=[reply("GET http://127.0.0.1:7/", SSO_REPLY), reply("POST http://127.0.0.1:8/", new)])
    case("sso with fips", config=legacy.replace("eu-west-1", "us-gov-west-1"), files=token_file(url), env={**env, "AWS_USE_FIPS_ENDPOINT": "true", "AWS_DEFAULT_REGION": "us-gov-west-1"}, replies=[reply("GET https://portal.sso", SSO_REPLY)])
    case("sso in china", config=legacy.replace("eu-west-1", "cn-north-1"), files=token_file(url), env=env, replies=[reply("GET https://portal.sso", SSO_REPLY)])
    case("login session", config="[profile a]\nlogin_session = x\n" + KEYS.format("A"), env=env)
    case("login session behind shared credentials", config="[profile a]\nlogin_session = x\n", credentials="[a]\n" + KEYS.format("A"), env=env)


def processes():
    def of(name, output, status=0, error="", more="", **others):
        files, key = process(output, status, error)
        case(name, config="[default]\n" + key + more, files=files, **others)

    told = lambda **more: json.dumps({"Version": 1, "AccessKeyId": "ASIAPROC", "SecretAccessKey": "secret-of-PROC", **more})
    of("process", PROCESS)
    of("process with token", told(SessionToken="t"))
    of("process with null token", told(SessionToken=None))
    of("process that lasts", told(SessionToken="t", Expiration=LATER))
    of("process that lasts in another zone", told(Expiration="2099-01-01T02:00:00+02:00"))
    of("process that is over", told(Expiration=EARLIER))
    of("process with an end that is no time", told(Expiration="soon"))
    of("process before keys of config file", PROCESS, more=KEYS.format("C"))
    of("process behind shared credentials", PROCESS, credentials="[default]\n" + KEYS.format("S"))
    of("process of version 2", told(Version=2))
    of("process of version 1 as text", told(Version="1"))
    of("process without version", '{"AccessKeyId": "A", "SecretAccessKey": "s"}')
    of("process without secret", '{"Version": 1, "AccessKeyId": "A"}')
    of("process without id", '{"Version": 1, "SecretAccessKey": "s"}')
    of("process with garbage", "garbage")
    of("process with nothing", "")
    of("process with a list", "[1]")
    of("process that fails", "", 1, "cannot reach the vault")
    of("process that fails after printing", PROCESS, 2, "cannot reach the vault")
    of("process that warns", PROCESS, 0, "a warning")
    case("process that is not there", config="[default]\ncredential_process = {dir}/none\n")
    case("process that is no program", config="[default]\ncredential_process = {dir}/file\n", files={"file": "x"})
    case("process empty", config="[default]\ncredential_process =\n")
    case("process with an open quotation", config="[default]\ncredential_process = sh 'x\n")
    arguments = "credential_process = printf '{\"Version\": 1, \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\"}' \"a b\" 'c'\\ d\n"
    case("process with quoted arguments", config="[default]\n" + arguments)
    case("process sees the environment", config="[default]\ncredential_process = /bin/sh -c 'printf \"{\\\\\"Version\\\\\": 1, \\\\\"AccessKeyId\\\\\": \\\\\"$ID\\\\\", \\\\\"SecretAccessKey\\\\\": \\\\\"s\\\\\"}\"'\n", env={"ID": "AKIAOFENV"})
    case("process in credentials file", credentials="[default]\ncredential_process = printf '{\"Version\": 1, \"AccessKeyId\": \"A\", \"SecretAccessKey\": \"s\"}'\n")


def containers():
    uri, full = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
    token, file = "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
    ecs = "GET http://169.254.170.2/v2/x"
    ok = [reply(ecs, metadata("ECS"))]
    case("container", env={uri: "/v2/x"}, replies=ok)
    case("container behind files", env={uri: "/v2/x"}, replies=ok, config="[default]\n" + KEYS.format("D"))
    case("container with token", env={uri: "/v2/x", token: "T"}, replies=ok)
    case("container relative before full", env={uri: "/v2/x", full: "http://localhost:1/y"}, replies=ok)
    case("container on other port", env={full: "http://127.0.0.1:51679/y?z=1"}, replies=[reply("GET http://127.0.0.1:51679/y", metadata("ECS"))])
    for number, host in enumerate(["localhost", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "[::1]", "127.1.2.3", "10.0.0.1", "example.com", "169.254.169.254"]):
        case(f"container at host {number}", env={full: f"http://{host}/y"}, replies=[reply(f"GET http://{host}/y", metadata("ECS"))])
    case("container over https", env={full: "https://example.com/y"}, replies=[reply("GET https://example.com/y", metadata("ECS"))])
    case("pod", env={full: "http://169.254.170.23/v1", token: "no", file: "{dir}/token"}, files={"token": "POD"}, replies=[reply("GET http://169.254.170.23/v1", metadata("EKS"))])
    case("pod without token", env={full: "http://169.254.170.23/v1", file: "{dir}/token"}, replies=[reply("GET http://169.254.170.23/v1", metadata("EKS"))])
    case("pod with two lines", env={full: "http://169.254.170.23/v1", file: "{dir}/token"}, files={"token": "POD\nX: y"}, replies=[reply("GET http://169.254.170.23/v1", metadata("EKS"))])
    case("container refuses", env={uri: "/v2/x"}, replies=[reply(ecs, "no", 403)])
    case("container with garbage", env={uri: "/v2/x"}, replies=[reply(ecs, "garbage")])
    case("container without keys", env={uri: "/v2/x"}, replies=[reply(ecs, "{}")])
    case("container that is busy once", env={uri: "/v2/x"}, replies=[reply(ecs, "busy", 503, times=1)] + ok)
    case("container that is over", env={uri: "/v2/x"}, replies=[reply(ecs, metadata("ECS", EARLIER))])
    case("container with nobody", env={uri: "/v2/x"})
    empty = ("a variable that is set to nothing is not set", "refused", "none")
    case("container with empty variable", env={uri: ""}, differs=empty)


def instances():
    on = {"AWS_EC2_METADATA_DISABLED": None}
    case("instance", env=on, replies=imds())
    case("instance of version 1", env=on, replies=[reply(f"PUT {IMDS}api/token", "", 403)] + imds()[1:])
    case("instance of version 1 only", env=on, replies=[reply(f"PUT {IMDS}api/token", "", 404)] + imds()[1:])
    case("instance that refuses tokens", env=on, replies=[reply(f"PUT {IMDS}api/token", "", 400)] + imds()[1:])
    case("instance without version 1", env={**on, "AWS_EC2_METADATA_V1_DISABLED": "true"}, replies=[reply(f"PUT {IMDS}api/token", "", 403)] + imds()[1:], differs=("the instance is passed over, as ever", "refused", "none"))
    case("instance disabled", replies=imds())
    case("instance disabled in capitals", env={"AWS_EC2_METADATA_DISABLED": "TRUE"}, replies=imds())
    case("instance not disabled", env={"AWS_EC2_METADATA_DISABLED": "1"}, replies=imds())
    case("instance elsewhere", env={**on, "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:6/"}, replies=imds("http://127.0.0.1:6/latest/"))
    case("instance elsewhere by profile", config="[default]\nec2_metadata_service_endpoint = http://127.0.0.1:6\n", env=on, replies=imds("http://127.0.0.1:6/latest/"))
    for number, how in enumerate([{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, {"AWS_IMDS_USE_IPV6": "true"}]):
        case(f"instance by ipv6 {number}", env={**on, **how}, replies=imds("http://[fd00:ec2::254]/latest/"))
    case("instance by ipv4", env={**on, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv4", "AWS_IMDS_USE_IPV6": "true"}, replies=imds())
    case("instance in a mode there is not", env={**on, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "ipv5"}, replies=imds())
    case("instance mode does not matter to keys", env=env_keys(AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE="ipv5"), differs=("settings of a source that is not asked are not read", "refused", "env@us-east-1"))
    case("instance without role", env=on, replies=[imds()[0], reply(f"GET {IMDS}{ROLES}", "", 404)])
    case("instance with an error", env=on, replies=imds(keys='{"Code": "AssumeRoleUnauthorizedAccess", "Message": "no"}'))
    case("instance with garbage", env=on, replies=imds(keys="garbage"))
    case("instance with half", env=on, replies=imds(keys='{"AccessKeyId": "A"}'))
    case("instance that is over", env=on, replies=imds(keys=metadata("EC2", EARLIER)))
    case("instance with nobody", env=on, differs=("nobody is not asked twice", "none", "none"))
    case("instance timeout that is no number", env={**on, "AWS_METADATA_SERVICE_TIMEOUT": "long"}, replies=imds())
    case("instance attempts that are no number", config="[default]\nmetadata_service_num_attempts = x\n", env=on, replies=imds())
    case("instance behind everything", env={**on, **env_keys()}, replies=imds())


def oddities():
    """What is allowed though it is hardly ever written, and what services answer now and then."""
    def by_process(name, printed, **more):
        files, key = process(printed if isinstance(printed, str) else json.dumps(printed))
        case(f"process with {name}", config="[default]\n" + key, files=files, **more)

    keys = {"Version": 1, "AccessKeyId": "ASIAPROC", "SecretAccessKey": "secret-of-PROC"}
    by_process("an empty token", {**keys, "SessionToken": ""})
    by_process("a token that is null", {**keys, "SessionToken": None})
    by_process("an expiration that is null", {**keys, "Expiration": None})
    by_process("an empty expiration", {**keys, "Expiration": ""})
    by_process("a version that is a text", {**keys, "Version": "1"})
    by_process("a version with a point", {**keys, "Version": 1.0})
    by_process("an account that is a number", {**keys, "AccountId": 123456789012})
    by_process("a key of ours twice", json.dumps(keys)[:-1] + ', "AccessKeyId": "ASIAOTHER"}')
    by_process("keys of others", {**keys, "Other": {"a": [1]}})
    by_process("a byte order mark", "\ufeff" + json.dumps(keys))
    by_process("keys that are empty", {**keys, "AccessKeyId": "", "SecretAccessKey": ""})
    by_process("an access key that is a number", {**keys, "AccessKeyId": 5})
    for number, end in enumerate([
        "2099-01-01 00:00:00+00:00", "2099-01-01 00:00:00Z", "2099-01-01T00:00Z", "20990101T000000Z", "2099-01-01T00:00:00 UTC",
        "2099-01-01T00:00:00.123456789Z", "2099-01-01T00:00:00+01", "2099-01-01t00:00:00z", "2099-01-01T00:00:00 +0000",
        "Thu, 01 Jan 2099 00:00:00 GMT", "2099-01-01T00:00:00", "2099-01-01", "4070908800", "2099-01-01T00:00:00-0130",
    ]):
        by_process(f"a time in another form {number}", {**keys, "Expiration": end})
    env = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}
    answered = lambda content: [reply("GET http://169.254.170.2/x", content)]
    case("container with an empty token", env=env, replies=answered(metadata("ECS").replace("token-of-ECS", "")))
    case("container with a token that is null", env=env, replies=answered(json.dumps({**json.loads(metadata("ECS")), "Token": None})))
    case("container with an account", env=env, replies=answered(metadata("ECS", AccountId="123456789012")))
    case("container with a code", env=env, replies=answered(metadata("ECS", Code="Success", Message="fine")))
    case("container with a byte order mark", env=env, replies=answered("\ufeff" + metadata("ECS")))
    case("container with a path that has a blank", env={"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x y"}, replies=[reply("GET http://169.254.170.2/x", metadata("ECS"))])
    on = {"AWS_EC2_METADATA_DISABLED": None}
    token = reply(f"PUT {IMDS}api/token", "IMDS-TOKEN")
    for name, listed, asked in [
        ("a blank", "a role", "a%20role"), ("a blank at its end", "a-role ", "a-role"), ("a line break", "a-role\n", "a-role"),
        ("a plus", "a+role", "a+role"), ("other letters", "größe", "gr%C3%B6%C3%9Fe"),
        ("an equals sign", "a=r,@.o_le", "a=r,@.o_le"),
    ]:
        trimmed = ("a blank at the end is no part of a name", "iam-role@us-east-1", "iam-role@us-east-1") if listed.endswith(" ") else None
        case(f"instance whose role has {name}", env=on, replies=[token, reply(f"GET {IMDS}{ROLES}{asked}", metadata("EC2")), reply(f"GET {IMDS}{ROLES}", listed)], differs=trimmed)
    case("instance with an empty token", env=on, replies=imds(keys=metadata("EC2").replace("token-of-EC2", "")))
    case("instance with a code alone", env=on, replies=imds(keys=metadata("EC2", Code="Success")))
    case("instance with a message alone", env=on, replies=imds(keys=metadata("EC2", Message="fine")))
    for word in ["1.5", "0", "-1", "abc", " 2 "]:
        case(f"instance with a timeout of {word}", env={**on, "AWS_METADATA_SERVICE_TIMEOUT": word}, replies=imds())
        case(f"instance with {word} attempts", env={**on, "AWS_METADATA_SERVICE_NUM_ATTEMPTS": word}, replies=imds())
    unset = ("what is set to nothing is not set", "refused", "{}@us-east-1")
    unset_for = lambda source: (*unset[:2], unset[2].format(source))
    for word in ["IPV6", "v6", ""]:
        case(f"instance in mode {word}", differs=None if word else unset_for("iam-role"), env={**on, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": word}, replies=imds() + imds("http://[fd00:ec2::254]/latest/"))
    a, b = "[profile a]\n", "[profile b]\n" + KEYS.format("B")
    env, ok = {"AWS_PROFILE": "a"}, [assumed("AssumeRole", "A")]
    case("role whose name has a blank", config=a + role("a b", "source_profile = b") + b, env=env, replies=ok)
    for word in [" 900 ", "+900", "0900", "-1", "0"]:
        left = ("STS judges how long a role may last", "refused", "assume-role@us-east-1") if word == "0" else None
        case(f"role for {word} seconds", differs=left, config=a + role("a", "source_profile = b", duration_seconds=word) + b, env=env, replies=ok)
    case("role with an empty token in the reply", config=a + role("a", "source_profile = b") + b, env=env, replies=[{**ok[0], "body": ok[0]["body"].replace("token-of-A", "")}])
    for number, end in enumerate(["2099-01-01T00:00:00.000Z", "2099-01-01 00:00:00Z", "4070908800"]):
        case(f"role with a time in another form {number}", config=a + role("a", "source_profile = b") + b, env=env, replies=[assumed("AssumeRole", "A", end=end)])
    case("role without its user in the reply", config=a + role("a", "source_profile = b") + b, env=env, replies=[{**ok[0], "body": ok[0]["body"].replace("AssumedRoleUser>", "Other>")}])
    sso = "[default]\n" + SSO_LEGACY
    logged_in = token_file("https://corp.example/start")
    case("sso role with a blank", config=sso.replace("= reader", "= the reader"), files=logged_in, replies=[reply(PORTAL, SSO_REPLY)])
    for name, change in [("an empty token", {"sessionToken": ""}), ("an expiration that is a text", {"expiration": "4070908800000"}), ("an expiration with a point", {"expiration": 4070908800000.0})]:
        case(f"sso reply with {name}", config=sso, files=logged_in, replies=[reply(PORTAL, json.dumps({"roleCredentials": {**SSO_KEYS, "expiration": 4070908800000, **change}}))])
    for number, end in enumerate(["2099-01-01T00:00:00UTC", "2099-01-01 00:00:00 UTC", "2099-01-01T00:00:00", "2099-01-01T00:00:00+0000"]):
        case(f"sso session with a time in another form {number}", config=sso, files=token_file("https://corp.example/start", expiresAt=end), replies=[reply(PORTAL, SSO_REPLY)])
    case("sso session with an empty token", config=sso, files=token_file("https://corp.example/start", accessToken=""), replies=[reply(PORTAL, SSO_REPLY)])
    case("explicit with an empty token", remote={"access_key_id": "AKIAX", "secret_access_key": "x", "session_token": ""})
    case("env with an empty token", env=env_keys(AWS_SESSION_TOKEN=""))
    case("empty security token before a session token", credentials="[default]\n" + KEYS.format("D") + "aws_security_token =\naws_session_token = t\n")
    keys = "[default]\n" + KEYS.format("D")
    for line in [
        "retry_mode = STANDARD", "retry_mode = sometimes", "max_attempts = 0", "max_attempts = many", "max_attempts = 3.0",
        "request_checksum_calculation = sometimes", "request_checksum_calculation = When_Required", "response_checksum_validation = x",
        "s3 =\n  addressing_style = Virtual", "s3 =\n  addressing_style = weird", "s3 =\n  max_concurrent_requests = many",
        "s3 =\n  multipart_threshold = huge", "s3 =\n  max_bandwidth = fast", "s3 =\n  payload_signing_enabled = yes", "s3 =\n  use_dualstack_endpoint = 1",
        "s3 = path", "use_dualstack_endpoint = yes", "ignore_configured_endpoint_urls = yes\nendpoint_url = http://127.0.0.1:2",
        "sts_regional_endpoints = global", "services =", "endpoint_url =", "region =", "ca_bundle =", "s3 =",
        "tcp_keepalive = maybe", "parameter_validation = maybe", "output = nonsense", "cli_pager =", "duration_seconds = long",
    ]:
        differs = None
        if line.endswith(("many", "huge", "fast", "signing_enabled = yes", "endpoint = 1", "endpoint = yes")) and "attempts" not in line or line.startswith("ignore"):
            differs = ("numbers and switches are what they are called", "config-file@us-east-1", "refused")
        elif line == "sts_regional_endpoints = global":
            differs = ("it is looked at where STS is asked", "refused", "config-file@us-east-1")
        elif line in ("region =", "ca_bundle =", "s3 ="):
            differs = unset_for("config-file")
        case(f"profile with {line!r}", config=keys + line + "\n", differs=differs)
    for name, value in [("AWS_RETRY_MODE", "Standard"), ("AWS_RETRY_MODE", ""), ("AWS_MAX_ATTEMPTS", ""), ("AWS_MAX_ATTEMPTS", "x"), ("AWS_USE_FIPS_ENDPOINT", ""), ("AWS_ENDPOINT_URL", ""), ("AWS_DEFAULT_REGION", ""), ("AWS_CA_BUNDLE", ""), ("AWS_REQUEST_CHECKSUM_CALCULATION", "x"), ("AWS_STS_REGIONAL_ENDPOINTS", "x"), ("AWS_CONFIG_FILE", ""), ("AWS_SHARED_CREDENTIALS_FILE", "")]:
        differs = unset_for("config-file") if value == "" and name in ("AWS_RETRY_MODE", "AWS_MAX_ATTEMPTS", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE") else None
        if name == "AWS_STS_REGIONAL_ENDPOINTS":
            differs = ("it is looked at where STS is asked", "refused", "config-file@us-east-1")
        case(f"{name} is {value!r}", config=keys, env={name: value}, differs=differs)


# --- at random

NAMES = ["default", "a", "b", "c", "prod env", "größe"]
REPLIES = [
    assumed("AssumeRole", "A", "role%2Fa"), assumed("AssumeRole", "B", "role%2Fb"), assumed("AssumeRole", "C", "role%2Fc"),
    assumed("AssumeRole", "R"), assumed("AssumeRoleWithWebIdentity", "W"), reply(PORTAL, SSO_REPLY),
    reply("GET http://169.254.170.2/v2/x", metadata("ECS")),
]


def body(dice, name, others):
    """The keys of a profile; most are of one kind, some of two."""
    source = dice.choice(others)
    kinds = [
        KEYS.format(name.encode().hex().upper()[:6]),
        KEYS.format("T") + "aws_session_token = token\n",
        "aws_access_key_id = AKIAHALF\n",
        "aws_secret_access_key = half\n",
        role(dice.choice("abc"), f"source_profile = {source}"),
        role(dice.choice("abc"), f"source_profile = {source}", external_id="ext", duration_seconds=dice.choice([900, 3600])),
        role(dice.choice("abc"), f"credential_source = {dice.choice(['Environment', 'EcsContainer', 'Ec2InstanceMetadata', 'Mars'])}"),
        role("a"),
        "web_identity_token_file = {dir}/jwt\n" + dice.choice(["", role("w")]),
        SSO_LEGACY,
        "sso_session = corp\n" + dice.choice(["", SSO, SSO, "sso_account_id = 1\n"]),
        process(PROCESS)[1],
        "",
    ]
    weights = [8, 3, 1, 1, 6, 2, 2, 1, 2, 2, 2, 3, 2]
    chosen = dice.choices(kinds, weights, k=dice.choice([1, 1, 1, 2]))
    if dice.random() < 0.4:
        chosen.append(f"region = {dice.choice(['us-east-1', 'eu-west-1', 'cn-north-1', 'us-gov-west-1'])}\n")
    if dice.random() < 0.1:
        chosen.append(dice.choice(["endpoint_url = http://127.0.0.1:2\n", "services = mine\n", "s3 =\n  addressing_style = path\n"]))
    lines, seen = [], set()
    for line in "".join(chosen).splitlines():
        key = line.split(" = ")[0]
        # A key may not stand twice; now and then it does all the same.
        if line.startswith(" ") or key not in seen or dice.random() < 0.02:
            lines.append(line)
        seen.add(key)
    return lines


def spelled(dice, lines):
    """The same keys, written by somebody else."""
    for line in lines:
        if line.startswith(" ") or line.endswith("="):
            yield line
            continue
        key, value = line.split(" = ", 1)
        if dice.random() < 0.1:
            key = key.upper()
        yield key + dice.choice([" = ", " = ", "=", " : ", "\t=  "]) + value + dice.choice(["", "", " ", "\t"])
        if dice.random() < 0.15:
            yield dice.choice(["# a comment", "; another", "", "   # indented", "#[profile x]"])


def write(dice, sections):
    lines = []
    for header, keys in sections:
        lines += [header, *spelled(dice, keys)]
    text = "".join(line + "\n" for line in lines)
    if dice.random() < 0.1:
        text = text.replace("\n", "\r\n")
    if dice.random() < 0.03:
        text = dice.choice(["\ufeff", "\n\n", "# head\n", "x = 1\n"]) + text
    return text


def at_random(dice, number):
    names = dice.sample(NAMES, dice.randint(1, 4))
    others = names + (["nowhere"] if dice.random() < 0.1 else [])
    config, credentials = [], []
    for name in names:
        quoted = f'"{name}"' if " " in name or dice.random() < 0.2 else name
        header = "[default]" if name == "default" and dice.random() < 0.8 else f"[profile{dice.choice([' ', ' ', '  '])}{quoted}]"
        if dice.random() < 0.85:
            config.append((header if dice.random() < 0.95 else f"[{name}]", body(dice, name, others)))
        if dice.random() < 0.3:
            credentials.append((f"[{name}]", body(dice, name, others)))
    if dice.random() < 0.8 or any("sso_session = corp" in keys for _, keys in config + credentials):
        config.append(("[sso-session corp]", SSO_SESSION.splitlines()[1:]))
    if dice.random() < 0.5:
        config.append(("[services mine]", ["s3 =", "  endpoint_url = http://127.0.0.1:3", "sts =", "  endpoint_url = https://sts.mine.example"]))
    dice.shuffle(config)
    env = {}
    if dice.random() < 0.25:
        env.update(env_keys())
    if dice.random() < 0.05:
        env["AWS_SECRET_ACCESS_KEY"] = ""
    if dice.random() < 0.6:
        env[dice.choice(["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])] = dice.choice(others)
    if dice.random() < 0.2:
        env["AWS_DEFAULT_REGION"] = dice.choice(["us-west-2", "ap-south-1"])
    if dice.random() < 0.1:
        env.update({"AWS_WEB_IDENTITY_TOKEN_FILE": "{dir}/jwt", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/w"})
    if dice.random() < 0.15:
        env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/x"
    if dice.random() < 0.1:
        env[dice.choice(["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_S3"])] = "https://sts.elsewhere.example"
    if any("ENDPOINT" in name for name in env) or any("endpoint_url" in key for _, keys in config for key in keys):
        # Without a region botocore asks nobody there; see "role with endpoint and no region".
        env.setdefault("AWS_DEFAULT_REGION", "us-west-2")
    remote = {"profile": dice.choice(others)} if dice.random() < 0.25 else {}
    if dice.random() < 0.05:
        remote.update(access_key_id="AKIAX", secret_access_key="x")
    files = {"jwt": "JWT.x", **process(PROCESS)[0]}
    if dice.random() < 0.8:
        files.update(token_file("corp"))
        files.update(token_file("https://corp.example/start"))
    case(
        f"random {number}", config=write(dice, config), credentials=write(dice, credentials) if credentials else None,
        env=env, remote=remote, files=files, replies=REPLIES,
    )


# --- on disk

def filled(value, folder):
    if isinstance(value, str):
        return value.replace("{dir}", folder)
    if isinstance(value, dict):
        return {key: filled(inner, folder) for key, inner in value.items()}
    return [filled(inner, folder) for inner in value] if isinstance(value, list) else value


def lay_out(made, number, root):
    folder = os.path.join(root, f"{number:03}")
    made = filled({**made, "dir": folder}, folder)
    os.makedirs(os.path.join(folder, "home"))
    for path, content in made.pop("files").items():
        path = os.path.join(folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        content = content["latin1"].encode("latin-1") if isinstance(content, dict) else content.encode()
        with open(path, "wb") as file:
            file.write(content)
    return made


def main(seed, count, folder):
    for part in (environment, files, regions, roles, mfa, web_identity, sso, processes, containers, instances, oddities):
        part()
    n_by_hand = len(CASES)
    dice = random.Random(seed)
    for number in range(max(0, count - n_by_hand)):
        at_random(dice, number)
    for side in "ab":
        with open(os.path.join(folder, f"{side}.jsonl"), "w") as file:
            for number, made in enumerate(CASES):
                file.write(json.dumps(lay_out(made, number, os.path.join(folder, side))) + "\n")
    print(f"{n_by_hand} by hand, {len(CASES) - n_by_hand} at random")


main(int(sys.argv[1]), int(sys.argv[2]), os.path.abspath(sys.argv[3]))
