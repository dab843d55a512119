"""What the exchange says: orders and fills, and the account as it sees it.

order_news  acks, fills, ends and rejections of orders
account     reconciliation; `scope` what one asks for
adoption    positions nobody here opened
"""
