"""`make pressure`: what the shop does under more load than it can take, and while something behind
the gateway is slow, silent or gone."""
