"""The engine room: packs held open for many requests at once, and changed for newer ones while they are in use."""
