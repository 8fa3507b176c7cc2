"""The rehearsal cloud: AWS APIs with real parts behind them, on one machine.

MiniStack answers the AWS APIs. This package starts it, adds what it lacks and corrects what would
let a rehearsal pass where AWS would fail. Nothing in the roles, the Terraform or the application
knows that it exists: they are given an endpoint, a trust store and a registry address.
"""
