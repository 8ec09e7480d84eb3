"""MyDomain-v0: open safes; importing this module registers the environment."""

from etude_gym import register_domain

register_domain("MyDomain-v0", "my_domain.domain:MyDomain")
