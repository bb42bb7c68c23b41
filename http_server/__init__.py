"""The HTTP server of the API: waitress with deadlines, in several processes.

    serve()                 processes.py: one listening socket, a process for each core, replaced
      |                     when it dies
    Server                  connections.py: accepts, looks for slow clients every second, makes room
      |
    Connection              reads a request whole, then hands it to a thread; keeps the response
      |                     until the client has taken it
    StrictParser            parsing.py: what HTTP allows to be read in two ways is refused
    ProblemTask             refusals.py: the server's own errors as problems

A thread of the application is never with a client: it gets a request when the last byte of it is
there, and leaves the response to the connection. So a slow client costs a socket and nothing else.
"""

from http_server.processes import listen, serve

__all__ = ["listen", "serve"]
