"""An RTSP camera by GStreamer: python3 gstreamer-camera.py PORT LAUNCH. Says "ready" when it listens."""
import sys

import gi

gi.require_version('Gst', '1.0')
gi.require_version('GstRtspServer', '1.0')
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address('127.0.0.1')
server.set_service(sys.argv[1])
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(sys.argv[2])
factory.set_shared(True)
server.get_mount_points().add_factory('/live', factory)
if server.attach(None) == 0:
    sys.exit('cannot listen')
print('ready', flush=True)
GLib.MainLoop().run()
