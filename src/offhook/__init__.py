"""offhook: a SIP platform in Python."""
