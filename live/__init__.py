"""The live world: the same actors under asyncio, over an in-process transport or MQTT."""
