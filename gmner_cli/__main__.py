from gmner_cli.app import main

main()
