"""EtudePlan-v0: sequential planning in a crafting and delivery world."""
