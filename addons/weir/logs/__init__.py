"""Other people's logs: of proxies, firewalls, resolvers, browsers, read for what they say of hosts in use."""
