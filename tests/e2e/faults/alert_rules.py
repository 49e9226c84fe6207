# SPDX-License-Identifier: Apache-2.0
"""What is told of a server: by a Prometheus that reads it, with our rules (deploy/prometheus), and
by itself to a chat."""

import operator
import pathlib
import re

import yaml

RULES = (pathlib.Path(__file__).resolve().parents[3] / "deploy" / "prometheus" /
         "weir-dagmanager.rules.yml")
COMPARED = {">": operator.gt, "==": operator.eq}


def samples(server, name):
    """The values of all series of a metric."""
    text = server.get("/metrics")[1].decode()
    return [float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)]


def holds(server, alert):
    """Whether the condition of an alert holds now; only for those that compare one metric."""
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"]
             for rule in group["rules"]]
    [condition] = [rule["expr"] for rule in rules if rule["alert"] == alert]
    name, compared, bound = re.fullmatch(r"(\w+) (>|==) (\d+)", condition).groups()
    return any(COMPARED[compared](value, float(bound)) for value in samples(server, name))


def notices(receiver, words):
    """What the chat was told that begins so. A busy machine may give it more to hear of."""
    return [body["text"] for body in receiver.bodies if body["text"].startswith(words)]
