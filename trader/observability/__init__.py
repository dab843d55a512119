"""What the program tells of itself.

logs       structured lines: `log.info("order.sent", ...)`
console    the same for a person
redaction  secrets that never reach a line

Begin with `logs`.
"""
