"""Auth that is made rather than copied: signatures over a request, and tokens minted from a longer-lived key."""
