"""One module a page, each with a `show` that draws it, and what they share.

The folder is not called ``pages``: Streamlit takes the files of a folder of that name beside the
app for pages of its own, and a link to ``/overview`` would then run that file instead of the app.
"""
