"""Subscriptions: what somebody wants to hear of, to whom it is told, and how it gets there.

`rules` says what a Subscription may ask for, `following` keeps who follows what, `news` judges what its owner may
hear, `deliveries` and `dispatch` bring it to endpoints, `tokens`, `bindings` and `socket` to open WebSockets.
"""
