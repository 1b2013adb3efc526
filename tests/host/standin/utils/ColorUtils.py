class color:
    HEADER = BLUE = GREEN = RED = FAIL = UNDERLINE = ""
    BOLD, ENDC = "\033[1m", "\033[0m"


def printDecisionAndMigrations(decision, migrations):
    print("Decision:", decision, "of which", migrations)
