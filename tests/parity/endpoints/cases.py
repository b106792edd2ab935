"""Makes cases of host building, for `cargo xtask parity`: options of a remote, variables and AWS files that say where a
bucket is.

    cases.py SEED COUNT FOLDER

Writes FOLDER/cases.jsonl, one case a line, COUNT in all: first every pair of a bucket and a place with nothing else set,
then cases put together at random. Each has a folder of its own in FOLDER; `{dir}` in a case is that folder.

A case with `differs` may have another answer, for the reason given there. The run fails if there is a reason for which no
case has one, so that the list stays true.
"""

import json, os, random, re, sys

BUCKETS = [
    "data", "my-bucket", "dotted.bucket", "a.b.c", "Upper", "under_score", "a" * 63, "a" * 64, "1234", "a--b", "a-.b",
    "name-1a2b3c-s3alias", "reader--ol-s3", "data--use1-az4--x-s3", "data--usw2-lax1-az1--x-s3", "data--x-s3",
    "point--use1-az4--xa-s3", "test-accessp-o0b1d075431d83bebde8xz5w8ijx1qzlbp3i3kuse10--op-s3",
]
REGIONS = [
    "us-east-1", "us-west-2", "eu-west-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1",
    "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1", "mx-central-1", "aws-global", "aws-cn-global", "mars-1", "cn-north",
    "s3-external-1", "fips-us-west-2", "us-west-2-fips", "fips-us-gov-west-1", "fips-aws-global", "us-gov-fips-west-1",
]
# No names of regions; a part of each host name and of each signature.
NO_REGIONS = ["EU-WEST-1", "12345", "eu west-1", "eu_west_1", "-x", "x-", "a" * 64, "x.evil.example.org/"]
ENDPOINTS = [
    "http://localhost:9000", "https://minio.example.org", "https://minio.example.org:443/", "http://minio.example.org:80",
    "https://gate.example.org:8443/base", "http://gate.example.org/base/", "http://127.0.0.1:9000",
    "https://127.0.0.1/base", "https://[::1]:9000", "https://s3.eu-west-1.amazonaws.com",
    "https://s3-fips.us-east-1.amazonaws.com", "https://s3-accelerate.amazonaws.com", "http://s3-accelerate.dualstack.amazonaws.com",
    "https://s3-accelerate.dualstack.dualstack.amazonaws.com", "https://s3-accelerate.other.amazonaws.com",
    "https://bucket.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com", "HTTPS://Minio.Example.org:9000",
    "https://my_minio:9000", "localhost:9000", "ftp://minio.example.org", "minio.example.org",
]
KEYS = ["a", "a/b", "a//b", "ü x+%2F", "~*'()!", "?#&=", "files/md5/00/1f"]
CASES = []


def case(bucket, key="a", region=None, endpoint=None, profile=(), block=(), env=None, remote=None):
    env = {"HOME": "{dir}", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_EC2_METADATA_DISABLED": "true", **(env or {})}
    remote, profile, tail = dict(remote or {}), list(profile), []
    if region:
        how, region = region
        place = {"option": remote, "variable": env}.get(how)
        if place is None:
            profile.append(f"region = {region}")
        else:
            place["region" if how == "option" else "AWS_DEFAULT_REGION"] = region
    if endpoint:
        how, endpoint = endpoint
        if how == "option":
            remote["endpointurl"] = endpoint
        elif how == "profile":
            profile.append(f"endpoint_url = {endpoint}")
        elif how == "services":
            profile.append("services = mine")
            tail = ["[services mine]", "s3 =", f"  endpoint_url = {endpoint}"]
        else:
            env[how] = endpoint
    if block:
        profile += ["s3 =", *(f"  {line}" for line in block)]
    config = "".join(line + "\n" for line in ["[default]", *profile, *tail])
    made = {"bucket": bucket, "key": key, "env": env, "remote": remote, "config": config}
    why = deviation(made)
    if why:
        made["differs"] = why
    CASES.append(made)


def deviation(made):
    """Says why haul's answer may be another one."""
    text = json.dumps(made)
    has = lambda *parts: all(part in text for part in parts)
    if made["bucket"].endswith(("--x-s3", "--xa-s3", "--op-s3")):
        return "directory buckets and buckets on Outposts are refused on AWS, and no buckets of another kind elsewhere"
    if has("my_minio"):
        return "a host name may have an underscore, as those of containers have"
    if has("EU-WEST-1"):
        return "the names of regions on AWS are written in small letters"
    if has("aws-global", "use_accelerate_endpoint = true"):
        return "the accelerated dual-stack endpoint has no region in its name"
    if has("aws-global", "addressing_style = virtual", "http://") and "." in made["bucket"]:
        return "nothing is signed for `aws-global`"
    if ("eu-isoe" in text or "us-isof" in text) and "dualstack" in text.lower():
        return "settings that choose among endpoints of AWS mean nothing elsewhere"
    if has("addressing_style = virtual", "http://127.0.0.1") and "." in made["bucket"]:
        return "no bucket goes in front of an IP address"
    return None


def at_random(dice):
    some = lambda share, choices: dice.choice(choices) if dice.random() < share else None
    where = ["option", "variable", "profile"]
    region = some(0.7, REGIONS) or some(0.05, NO_REGIONS)
    endpoint = some(0.4, ENDPOINTS)
    profile, block, env, remote = [], [], {}, {}
    for key, share in (("use_dualstack_endpoint", 0.2), ("use_fips_endpoint", 0.2), ("ignore_configured_endpoint_urls", 0.05)):
        for place in ("profile", "variable"):
            if dice.random() < share:
                value = dice.choice(["true", "true", "false", "TRUE"])
                if place == "profile":
                    profile.append(f"{key} = {value}")
                else:
                    env["AWS_" + key.upper()] = value
    for key, share, values in (
        ("addressing_style", 0.5, ["auto", "virtual", "virtual", "path"]),
        ("use_accelerate_endpoint", 0.15, ["true", "true", "false"]),
        ("use_dualstack_endpoint", 0.15, ["true", "false"]),
        ("us_east_1_regional_endpoint", 0.1, ["legacy", "regional"]),
    ):
        value = some(share, values)
        if value:
            block.append(f"{key} = {value}")
    use_ssl = some(0.3, ["true", "false"])
    if use_ssl:
        remote["use_ssl"] = use_ssl
    places = ["option", "profile", "services", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]
    case(
        dice.choice(BUCKETS if dice.random() < 0.7 else BUCKETS[:4]), dice.choice(KEYS),
        region and (dice.choice(where), region), endpoint and (dice.choice(places), endpoint), profile, block, env, remote,
    )


def main(seed, count, folder):
    for bucket in BUCKETS:
        case(bucket)
        for region in REGIONS:
            case(bucket, region=("option", region))
        for endpoint in ENDPOINTS:
            case(bucket, endpoint=("option", endpoint))
    n_pairs = len(CASES)
    dice = random.Random(seed)
    while len(CASES) < count:
        at_random(dice)
    with open(os.path.join(folder, "cases.jsonl"), "w") as file:
        for number, made in enumerate(CASES[:count]):
            own = os.path.join(folder, f"{number:05}")
            os.makedirs(os.path.join(own, ".aws"))
            with open(os.path.join(own, ".aws", "config"), "w") as config:
                config.write(made["config"])
            file.write(json.dumps({**made, "dir": own}).replace("{dir}", own) + "\n")
    print(f"{min(n_pairs, count)} pairs, {max(0, count - n_pairs)} at random")


main(int(sys.argv[1]), int(sys.argv[2]), os.path.abspath(sys.argv[3]))
