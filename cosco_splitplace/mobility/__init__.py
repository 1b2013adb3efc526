"""Mobile hosts: traces of their links, random waypoints, SUMO's vehicles, and the radio between them and the broker."""
