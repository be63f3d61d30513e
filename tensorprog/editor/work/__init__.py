"""What may take long, in processes that can be ended at any time"""
