"""Commands on packs: pack, evaluate, doctor, history."""
